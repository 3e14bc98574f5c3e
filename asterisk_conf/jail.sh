#!/bin/sh
# Run inside a mount namespace of its own (unshare --mount): a small root of read-only system folders
# and the instance's folder at its own path. The mounts vanish with the last process in it, so nothing
# is left behind however it ends.
# Arguments: SYSTEM-ROOT INSTANCE-FOLDER USER PDEATHSIG-or-"" COMMAND...
set -eu
root=$1 home=$2 user=$3 pdeathsig=$4
shift 4

# Asterisk writes to its own folders only; it reads its configuration and cannot change it.
# (Done before anything is mounted below them.)
uid=$(chroot "$root" id -u "$user")
gid=$(chroot "$root" id -g "$user")
new=$home/run/jail
mkdir -p "$new"
chown -R "$uid:$gid" "$home/var" "$home/log" "$home/run" "$home/spool"
chown -R "0:$gid" "$home/etc" "$home/data"
chmod -R g+rX,g-w "$home/etc" "$home/data"
chown "0:$gid" "$home"
chmod 750 "$home" "$home/etc" "$home/var" "$home/log" "$home/run" "$home/spool"
mount -t tmpfs -o mode=755,size=64m tmpfs "$new"

for name in usr bin sbin lib lib32 lib64; do
    if [ -L "$root/$name" ]; then
        cp -d "$root/$name" "$new/$name"
    elif [ -d "$root/$name" ]; then
        mkdir "$new/$name"
        mount --bind "$root/$name" "$new/$name"
        mount -o remount,bind,ro "$new/$name" 2>/dev/null || true
    fi
done

mkdir -p "$new/etc" "$new/dev" "$new/proc" "$new/tmp" "$new/var/tmp"
chmod 1777 "$new/tmp" "$new/var/tmp"
for name in passwd group nsswitch.conf ld.so.cache ld.so.conf ld.so.conf.d alternatives ssl localtime; do
    if [ -e "$root/etc/$name" ]; then cp -a "$root/etc/$name" "$new/etc/$name"; fi
done
# RTP looks the machine's own name up
printf '127.0.0.1 localhost\n::1 localhost\n127.0.0.1 %s\n' "$(uname -n)" >"$new/etc/hosts"
printf 'hosts: files\npasswd: files\ngroup: files\n' >"$new/etc/nsswitch.conf"
: >"$new/etc/resolv.conf"
for name in null zero full random urandom tty; do
    : >"$new/dev/$name"
    mount --bind "/dev/$name" "$new/dev/$name"
done
mkdir "$new/dev/shm"
chmod 1777 "$new/dev/shm"
mount --rbind /proc "$new/proc"

mkdir -p "$new$home"
mount --bind "$home" "$new$home"

if [ -n "$pdeathsig" ]; then
    set -- --pdeathsig "$pdeathsig" -- "$@"
else
    set -- -- "$@"
fi
umask 027
exec chroot "$new" setpriv --reuid "$uid" --regid "$gid" --clear-groups --no-new-privs "$@"
