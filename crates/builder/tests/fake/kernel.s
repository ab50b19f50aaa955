.globl _start
_start: movaps %xmm3, %xmm0
ret
.section .rodata
.globl arch_vector_registers
arch_vector_registers: .byte 16
