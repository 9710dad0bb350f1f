#pragma once
#include <openssl/err.h>
#include <openssl/ssl.h>

// Macros, which Swift does not see.
static inline long swl_ssl_set_server_name(SSL *ssl, const char *name) { return SSL_set_tlsext_host_name(ssl, name); }
