//! Dockerfiles that several builders are compared with.

/// What every Dockerfile here copies from.
pub const CONTEXT: &str = r#"
mkdir -p dir/sub/deep empty secret "odd names" links
echo a > a.txt; echo b > b.txt; echo c > dir/c.txt; echo d > dir/sub/d.txt; echo e > dir/sub/deep/e.md; echo s > secret/key
echo 'odd' > "odd names/with blank"; echo 'odd' > "odd names/$(printf '\303\251')"
chmod 600 a.txt; chmod 4755 b.txt; chmod 700 dir/sub; chmod 1777 empty
ln -s ../a.txt links/file; ln -s ../dir links/dir; ln -s nowhere links/dangling; ln -s /etc/passwd links/absolute
echo h > links/h1; ln links/h1 links/h2; truncate -s 1M sparse; : > zero
mkdir -p t/in; echo x > t/in/f; chmod 2755 t/in; ln -s f t/in/s; ln t/in/f t/in/h
tar -C t --owner=5 --group=6 -cf t.tar in; gzip -k t.tar; bzip2 -k t.tar; xz -k t.tar; rm -r t
head -c 100 t.tar.gz > cut.gz; echo plain | gzip > plain.gz
mkdir -p -m 711 kept/in; chmod 711 kept; echo k > kept/in/k; echo n > kept/n
printf 'secret\n**/*.md\n!dir/sub/deep/e.md\nkept\n!kept/in/k\n' > .dockerignore
echo '#!/bin/sh' > run.sh; chmod 755 run.sh
cp run.sh caps; setcap cap_net_raw+ep caps
"#;

/// Name, Dockerfile.
pub const CASES: [(&str, &str); 37] = [
    ("file", "FROM scratch\nCOPY a.txt /x\nCOPY a.txt /d/\nCOPY a.txt b.txt /e/\n"),
    ("directory", "FROM scratch\nCOPY dir /x\nCOPY dir/ /y/\nCOPY dir/sub /x/new\n"),
    ("merge", "FROM scratch\nCOPY dir /x\nCOPY dir/sub /x\nCOPY odd* /x/\n"),
    ("whole context", "FROM scratch\nCOPY . /\n"),
    ("whole context in a directory", "FROM scratch\nCOPY . /app\nCOPY . .\n"),
    ("odd names", "FROM scratch\nCOPY [\"odd names\", \"/odd names\"]\nCOPY [\"odd names/with blank\", \"/b l/\"]\n"),
    ("wildcards", "FROM scratch\nCOPY *.txt /w/\nCOPY d?r/[a-c].txt /v/\nCOPY dir/* /u/\nCOPY nothing* /t/\n"),
    ("links", "FROM scratch\nCOPY links /l\nCOPY links/file /f\nCOPY links/dir /d\n"),
    ("chown", "FROM scratch\nCOPY --chown=1:2 dir /x/y\nCOPY --chown=3 a.txt /z/a\nADD --chown=4:5 t.tar /t\n"),
    ("chmod", "FROM scratch\nCOPY --chmod=640 dir /x\nCOPY --chmod=0755 a.txt /a\n"),
    ("attributes and sizes", "FROM scratch\nCOPY sparse zero /\nCOPY caps /a/\nCOPY --chown=1:1 caps /b/\n"),
    ("add archives", "FROM scratch\nADD t.tar /a\nADD t.tar.gz /b/\nADD t.tar.bz2 t.tar.xz /c/\nADD plain.gz a.txt /d/\nCOPY t.tar /e/\n"),
    ("add directory", "FROM scratch\nADD dir /x\nADD . /y/\n"),
    ("workdir", "FROM scratch\nWORKDIR /a/b\nCOPY a.txt .\nWORKDIR c\nCOPY a.txt ./x\nCOPY a.txt ../y\n"),
    (
        "stages",
        "FROM scratch AS one\nCOPY dir /d\nFROM scratch AS two\nCOPY --from=one /d/c.txt /c\nCOPY --from=0 /d/sub/ /s/\nFROM two\nCOPY a.txt /\n",
    ),
    (
        "from debian",
        "FROM debian:12 AS b\nFROM scratch\nCOPY --from=b /etc/passwd /usr/bin/passwd /x/\nCOPY --from=b /bin/sh /lib64 /y/\nCOPY --from=b /usr/share/base-files /z\nCOPY --from=debian:12 /etc/os-release /\n",
    ),
    (
        "into debian",
        "FROM debian:12\nCOPY a.txt /bin/\nCOPY dir /lib\nCOPY a.txt /tmp/x\nCOPY dir /root/d\nCOPY --chown=daemon:games a.txt /var/tmp/\nCOPY --chown=www-data b.txt /b\n",
    ),
    (
        "environment",
        "FROM scratch\nENV A=1 B=\"x y\" C=a\\ b\nENV A=2 D=$A E=${A}x F=${N:-def} G=${A:+alt} H='$A' I=\\$A\nENV old some  text $A\nLABEL k=$A \"q\"='s' m=\"a\\\nb\"\nCOPY zero /\n",
    ),
    (
        "arguments",
        "ARG V=12\nARG U\nFROM debian:$V\nARG V\nARG L=l$V\nARG U=u\nENV R=$V-$L-$U-$TARGETARCH\nARG TARGETARCH\nENV S=$TARGETARCH\nCOPY ${L:+a.txt} /$L\n",
    ),
    ("commands", "FROM scratch\nENTRYPOINT [\"/x\", \"$A\"]\nCMD [\"y\"]\nCOPY zero /\n"),
    ("shell commands", "FROM debian:12\nCMD echo $HOME && x\nENTRYPOINT exec  y\n"),
    ("entrypoint clears", "FROM debian:12 AS a\nCMD [\"x\"]\nFROM a\nENTRYPOINT [\"y\"]\n"),
    ("shell", "FROM debian:12\nSHELL [\"/bin/bash\", \"-ec\"]\nRUN [[ a == a ]] && echo $0 > /shell\nCMD x y\n"),
    (
        "configuration",
        "FROM scratch\nUSER me:you\nEXPOSE 80 443/tcp 53/udp 9000-9002\nVOLUME /a /b c\nVOLUME [\"/d e\"]\nSTOPSIGNAL SIGINT\nHEALTHCHECK --interval=30s --timeout=5s --start-period=1m --retries=4 CMD [\"x\", \"y\"]\nONBUILD COPY . /x\nCOPY zero /\n",
    ),
    ("health check", "FROM scratch\nHEALTHCHECK CMD curl x || exit 1\nMAINTAINER me <me@example.com>\nCOPY zero /\n"),
    ("no health check", "FROM scratch AS a\nHEALTHCHECK CMD x\nFROM a\nHEALTHCHECK NONE\nCOPY zero /\n"),
    ("onbuild", "FROM scratch AS a\nONBUILD COPY a.txt /a\nONBUILD ENV X=1\nFROM a\nENV Y=$X\nWORKDIR /z\n"),
    (
        "run",
        "FROM debian:12\nRUN echo x > /x && mkdir -m 750 /d && chown 7:8 /d && ln /x /d/y && ln -s x /z && mkfifo /p && chmod 6755 /x\n",
    ),
    (
        "run and remove",
        "FROM debian:12\nCOPY dir /d\nRUN rm -r /d/sub /etc/debian_version && rm -r /usr/share/base-files && mkdir /usr/share/base-files && touch /usr/share/base-files/new && mv /d/c.txt /d/moved\nRUN mv /d /e\n",
    ),
    (
        "run as user",
        "FROM debian:12\nRUN mkdir -m 777 /w\nWORKDIR /w\nUSER games\nRUN id > id; echo $HOME > home; pwd > pwd; umask > umask; env | grep -v ^SHLVL | sort > env\nWORKDIR /w/new\nUSER 1234\nRUN id -u > /w/number; id -g >> /w/number; id -G >> /w/number\nUSER 1:2\nRUN id -G > /w/both\nWORKDIR /w/mine/deep\nUSER 77\nWORKDIR /w/seven\n",
    ),
    (
        "run environment",
        "FROM debian:12\nARG A=arg\nARG B=arg\nENV B=env C=\"x y\"\nRUN echo \"$A $B $C $D\" > /out; hostname > /host; cat /proc/1/comm >> /host\nRUN env | grep -v ^SHLVL= | sort > /env\n",
    ),
    ("run exec form", "FROM debian:12\nRUN [\"/bin/sh\", \"-c\", \"echo '$HOME' \\\"$HOME\\\" > /x\"]\nRUN [\"touch\", \"/a b\"]\n"),
    (
        "run mounts",
        "# syntax is built in\nFROM debian:12 AS a\nRUN echo tool > /tool\nFROM debian:12\nRUN mkdir -p /c/d /m /ctx /t && touch /t/tool\nRUN --mount=type=bind,target=/ctx --mount=from=a,src=/tool,target=/t/tool cat /ctx/a.txt /t/tool > /seen; ls /ctx /ctx/dir/sub >> /seen; stat -c '%a %u' /ctx/b.txt /ctx/dir/sub >> /seen\nRUN --mount=type=cache,target=/c/d,mode=0711,uid=5,gid=6 stat -c '%a %u %g' /c/d > /cache\nRUN --mount=type=tmpfs,target=/m touch /m/x\n",
    ),
    (
        "capabilities",
        "FROM debian:12 AS a\nRUN cp /bin/true /t && perl -e 'my ($p, $n, $c) = (\"/t\", \"security.capability\", pack(\"V5\", 0x02000001, 1<<13, 0, 0, 0)); syscall(188, $p, $n, $c, 20, 0) == 0 or die $!'\nFROM scratch\nCOPY --from=a /t /copied\nFROM a\nCOPY --from=1 /copied /again\n",
    ),
    (
        "run over links",
        "FROM debian:12\nRUN ln -s /usr/share /s && mkdir /usr/share/q\nCOPY a.txt /s/q/\nCOPY dir /s\nRUN cat /usr/share/q/a.txt > /s/q/b && rm /s/c.txt\n",
    ),
    (
        "continuation and comments",
        "FROM debian:12\n# comment\nRUN echo a \\\n  # inner\n  b \\\n\n  c > /x\nENV A=1 \\\n    B=2\nCOPY \\\n  a.txt \\\n  /y\n",
    ),
    (
        "platform and escape",
        "# escape=`\nFROM --platform=$BUILDPLATFORM debian:12\nRUN echo one `\n two > /x; echo 'C:\\d' >> /x\nENV P=C:\\x `\n Q=a\n",
    ),
];
