/* SPDX-License-Identifier: Apache-2.0 */
/* The files that dashboards/live/build.mjs made; page.cmake says where they are. */
.macro embed name file
    .global nstrail_page_\name
    .global nstrail_page_\name\()_end
nstrail_page_\name:
    .incbin "\file"
nstrail_page_\name\()_end:
    .byte 0
.endm

    .section .rodata
    embed html PAGE_HTML
    embed script PAGE_SCRIPT
    embed style PAGE_STYLE
    embed licences PAGE_LICENCES
    .section .note.GNU-stack, "", %progbits
