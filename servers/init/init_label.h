/* SPDX-License-Identifier: ISC */
/*
 * init_label.h: what init says to sipd beside 9P. One message so far, one-way and without words:
 * rootd has a successor, which knows no mounts; mount again what silos provide. Only taken from
 * init's own silo.
 */
#pragma once

#define INIT_LABEL_REMOUNT 0x524d4e54u /* "RMNT" */
