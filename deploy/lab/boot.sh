#!/usr/bin/env bash
# boot.sh HOST SHARES COMMAND...: one host of the lab, in a control group of its own; exit code 133 is a reboot.
set -u
host=$1 shares=$2
shift 2
# Without a group of their own the hosts, which boot with --keep-unit, would share one. A host competes with the
# machine's processes by its group's weight, of 1024 shares or 100 points; niceness counts only among its own.
weight=$((shares * 100 / 1024))
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
  if [ -f "$group/cpu.weight" ]; then echo $((weight > 0 ? weight : 1)) >"$group/cpu.weight"; fi
  if [ -f "$group/cpu.shares" ]; then echo "$shares" >"$group/cpu.shares"; fi
done
export SYSTEMD_NSPAWN_API_VFS_WRITABLE=network
while :; do
  "$@" </dev/null
  [ $? = 133 ] || break
done
