#pragma once
#include <lzma.h>

// A macro of a macro, which Swift does not import: streams that follow each other are decoded as one.
static const uint32_t swl_lzma_concatenated = LZMA_CONCATENATED;
