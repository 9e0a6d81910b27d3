#!/usr/bin/env bash
# boot.sh HOST COMMAND...: one host of the lab, in a control group of its own; exit code 133 is a reboot.
set -u
host=$1
shift
# Without a group of their own the hosts, which boot with --keep-unit, would share one. The least weight of all: they yield to all else.
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
  groups=("/sys/fs/cgroup/lab-$host")
else
  groups=()
  for controller in systemd unified memory cpu cpuacct pids; do
    [ ! -d "/sys/fs/cgroup/$controller" ] || groups+=("/sys/fs/cgroup/$controller/lab-$host")
  done
fi
for group in "${groups[@]}"; do
  mkdir -p "$group" && echo $$ >"$group/cgroup.procs"
  for weight in cpu.weight:1 cpu.shares:10; do
    if [ -f "$group/${weight%:*}" ]; then echo "${weight#*:}" >"$group/${weight%:*}"; fi
  done
done
export SYSTEMD_NSPAWN_API_VFS_WRITABLE=network
while :; do
  "$@" </dev/null
  [ $? = 133 ] || break
done
