#!/bin/sh
# Settings of a host, by `muster doctor --script`. Run it there as root; `undo` as its argument puts back what
# was there before. It may be run again.
set -eu

if [ "${1:-}" = undo ]; then
  rm -f /etc/sysctl.d/90-muster.conf
  if [ -e /etc/systemd/system/muster-host.service ]; then
    systemctl disable muster-host.service
    rm -f /etc/systemd/system/muster-host.service
    systemctl daemon-reload
  fi
  sysctl -w vm.max_map_count=65530
  echo always >/sys/kernel/mm/transparent_hugepage/enabled
  for file in /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor; do echo powersave >"$file"; done
  exit 0
fi

cat >/etc/sysctl.d/90-muster.conf <<'END'
vm.max_map_count = 262144
END
sysctl -q -p /etc/sysctl.d/90-muster.conf

cat >/etc/systemd/system/muster-host.service <<'END'
[Unit]
Description=Settings for the database on this host

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo madvise >/sys/kernel/mm/transparent_hugepage/enabled'
ExecStart=/bin/sh -c 'for file in /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor; do echo performance >"$$file"; done'

[Install]
WantedBy=multi-user.target
END
systemctl daemon-reload
systemctl enable --now muster-host.service
