#include "t.h"

int main(void) {
    in_tmp();
    OK(open("none", O_RDONLY));
    OK(open("none", O_WRONLY));
    OK(open("f", O_RDWR | O_CREAT, 0644));
    OK(open("f", O_RDWR | O_CREAT | O_EXCL, 0644));
    OK(open("f", O_RDWR | O_CREAT, 0644));
    put("f", "0123456789");
    int r = MUST(open("f", O_RDONLY)), w = MUST(open("f", O_WRONLY));
    char b[4] = "abc";
    SHOW(write(r, b, 1));
    SHOW(read(w, b, 1));
    SHOW(pwrite(r, b, 1, 0));
    SHOW(pread(w, b, 1, 0));
    int t = MUST(open("f", O_RDWR | O_TRUNC));
    SHOW(lseek(t, 0, SEEK_END));
    SHOW(read(r, b, 1)); /* gone for the other one too */
    OK(open(".", O_RDONLY));
    OK(open(".", O_RDONLY | O_DIRECTORY));
    OK(open(".", O_WRONLY));
    OK(open(".", O_RDWR));
    OK(open("newdir", O_RDWR | O_CREAT | O_DIRECTORY, 0644));
    OK(open("f", O_RDONLY | O_DIRECTORY));
    OK(open("f/", O_RDONLY));
    OK(open("f/g", O_RDONLY));
    OK(open("new/", O_RDWR | O_CREAT, 0644));
    OK(open("", O_RDONLY));
    MUST(symlink("f", "link")), MUST(symlink("nowhere", "dangling")), MUST(symlink(".", "dirlink"));
    OK(open("link", O_RDONLY));
    OK(open("link", O_RDONLY | O_NOFOLLOW));
    OK(open("link", O_RDWR | O_CREAT | O_EXCL, 0644));
    OK(open("dangling", O_RDONLY));
    OK(open("dangling", O_RDWR | O_CREAT | O_EXCL, 0644));
    OK(open("dangling", O_RDWR | O_CREAT, 0644));
    SHOW(access("nowhere", F_OK)); /* created through the link */
    OK(open("dirlink", O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    OK(open("dirlink/f", O_RDONLY | O_NOFOLLOW));
    OK(creat("c", 0600));
    OK(open("/", O_RDONLY));
    OK(open("////tmp///", O_RDONLY));
    OK(open("/..", O_RDONLY));
    /* the lowest free number is taken */
    int a = MUST(open("f", O_RDONLY)), c = MUST(open("f", O_RDONLY));
    SHOW(c - a);
    close(a);
    SHOW(MUST(open("f", O_RDONLY)) - a);
    SHOW(close(999));
    SHOW(close(-1));
}
