//! The memory functions that compiled code calls (memcpy, memmove, memset, memcmp): vector moves, which are fast under emulation and on
//! hardware alike for the sizes a kernel moves.

use core::arch::global_asm;

global_asm!(
    r#"
.text
.global memcpy
.align 16
memcpy:
    mov rax, rdi
    cmp rdx, 16
    jb 4f
    cmp rdx, 32
    jbe 3f
    mov r9, [rsi + rdx - 16]
    mov r10, [rsi + rdx - 8]
    lea r8, [rdi + rdx - 16]
    cmp rdx, 64
    jbe 2f
1:  movups xmm0, [rsi]
    movups xmm1, [rsi + 16]
    movups xmm2, [rsi + 32]
    movups xmm3, [rsi + 48]
    movups [rdi], xmm0
    movups [rdi + 16], xmm1
    movups [rdi + 32], xmm2
    movups [rdi + 48], xmm3
    add rsi, 64
    add rdi, 64
    sub rdx, 64
    cmp rdx, 64
    ja 1b
2:  cmp rdx, 16
    jbe 5f
    movups xmm0, [rsi]
    movups [rdi], xmm0
    add rsi, 16
    add rdi, 16
    sub rdx, 16
    jmp 2b
5:  mov [r8], r9
    mov [r8 + 8], r10
    ret
3:  movups xmm0, [rsi]
    movups xmm1, [rsi + rdx - 16]
    movups [rdi], xmm0
    movups [rdi + rdx - 16], xmm1
    ret
4:  cmp edx, 8
    jb 6f
    mov rcx, [rsi]
    mov r8, [rsi + rdx - 8]
    mov [rdi], rcx
    mov [rdi + rdx - 8], r8
    ret
6:  cmp edx, 4
    jb 7f
    mov ecx, [rsi]
    mov r8d, [rsi + rdx - 4]
    mov [rdi], ecx
    mov [rdi + rdx - 4], r8d
    ret
7:  test edx, edx
    jz 8f
    mov cl, [rsi]
    mov [rdi], cl
    cmp edx, 2
    jb 8f
    movzx ecx, word ptr [rsi + rdx - 2]
    mov [rdi + rdx - 2], cx
8:  ret

.global memmove
.align 16
memmove:
    mov rax, rdi
    sub rax, rsi
    cmp rax, rdx
    jae memcpy
    // The destination starts within the source: from the end.
    mov rax, rdi
    add rsi, rdx
    add rdi, rdx
1:  cmp rdx, 16
    jb 2f
    sub rsi, 16
    sub rdi, 16
    movups xmm0, [rsi]
    movups [rdi], xmm0
    sub rdx, 16
    jmp 1b
2:  test rdx, rdx
    jz 3f
    dec rsi
    dec rdi
    mov cl, [rsi]
    mov [rdi], cl
    dec rdx
    jmp 2b
3:  ret

.global memset
.align 16
memset:
    mov rax, rdi
    movzx esi, sil
    mov r8, 0x0101010101010101
    imul r8, rsi
    cmp rdx, 16
    jb 3f
    movq xmm0, r8
    punpcklqdq xmm0, xmm0
    movups [rdi + rdx - 16], xmm0
    cmp rdx, 64
    jb 2f
1:  movups [rdi], xmm0
    movups [rdi + 16], xmm0
    movups [rdi + 32], xmm0
    movups [rdi + 48], xmm0
    add rdi, 64
    sub rdx, 64
    cmp rdx, 64
    jae 1b
2:  cmp rdx, 16
    jb 5f
    movups [rdi], xmm0
    add rdi, 16
    sub rdx, 16
    jmp 2b
3:  cmp edx, 8
    jb 4f
    mov [rdi], r8
    mov [rdi + rdx - 8], r8
    ret
4:  test edx, edx
    jz 5f
    mov [rdi], r8b
    inc rdi
    dec edx
    jmp 4b
5:  ret

.global memcmp
.global bcmp
.align 16
memcmp:
bcmp:
1:  cmp rdx, 8
    jb 2f
    mov rax, [rdi]
    mov rcx, [rsi]
    cmp rax, rcx
    jne 3f
    add rdi, 8
    add rsi, 8
    sub rdx, 8
    jmp 1b
2:  test edx, edx
    jz 4f
    movzx eax, byte ptr [rdi]
    movzx ecx, byte ptr [rsi]
    inc rdi
    inc rsi
    dec edx
    sub eax, ecx
    jz 2b
    ret
3:  bswap rax
    bswap rcx
    cmp rax, rcx
    sbb eax, eax
    or eax, 1
    ret
4:  xor eax, eax
    ret

.global strlen
strlen:
    xor eax, eax
1:  cmp byte ptr [rdi + rax], 0
    je 2f
    inc rax
    jmp 1b
2:  ret

// What the precompiled core library names although nothing unwinds here.
.global rust_eh_personality
rust_eh_personality:
.global _Unwind_Resume
_Unwind_Resume:
    ud2
"#
);
