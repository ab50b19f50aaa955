/* The floor under every start: a PVH kernel whose first instruction writes a line to COM1. What QEMU, its firmware and loading cost
 * before any kernel can do anything is the time to that line. Padded to a kernel's size, because loading has a cost per byte. */
    .section .note, "a", @note
    .long 4, 4, 18                                  /* XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .long start

    .code32
    .text
    .globl start
start:
    mov $text, %esi
    mov $0x3f8, %edx
1:  lodsb
    test %al, %al
    jz 2f
    outb %al, %dx
    jmp 1b
2:  hlt
    jmp 2b
text:
    .asciz "floor\n"

    .data
    .fill 150000, 4, 0x90909090
