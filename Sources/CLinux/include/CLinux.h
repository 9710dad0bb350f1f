// Numbers, structs, macros and calls that Swift cannot spell. One header a subject; no logic.
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "errors.h"
#include "files.h"
