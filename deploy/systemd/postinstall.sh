#!/bin/sh
set -e
systemd-sysusers tributary.conf || true
chown root:tributary /etc/tributary/tributary.yaml || true
systemctl daemon-reload || true
