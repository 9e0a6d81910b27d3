# What Hashtide needs on a machine, and how it gets there; sourced by deploy/hashtide.
#
# A step is done when its stamp holds what it was made from, so a step that was cut off, or whose lock file has changed,
# is done again, and one that is done costs nothing and needs no network.

LOCKS=$REPO/deploy/requirements
JARS=$REPO/deploy/jars
BEGAN=$(date +%s%N)

say() {
  local ms=$((($(date +%s%N) - BEGAN) / 1000000))
  printf '[%3d.%d s] %s\n' $((ms / 1000)) $((ms % 1000 / 100)) "$*" >&2
}

fail() { # exit code, text
  printf 'hashtide: %s\n' "$2" >&2
  exit "$1"
}

# what is there

has_java() {
  compgen -G '/usr/lib/jvm/java-17-openjdk-*/bin/java' >/dev/null && return
  "${JAVA_HOME:+$JAVA_HOME/bin/}java" -version 2>&1 | grep -q 'version "17'
}
has_maven() { command -v mvn >/dev/null; }
has_postgresql() { compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; }
has_chromium() { command -v chromium >/dev/null; }
has_prometheus() {
  local name
  for name in prometheus promtool; do
    command -v "$name" >/dev/null || [ -x "$HASHTIDE_HOME/prometheus/usr/bin/$name" ] || return
  done
}
has_venv() { "$(python_311)" -c 'import ensurepip, venv' 2>/dev/null; }

python_311() {
  local name
  for name in python3.11 python3 /usr/bin/python3; do
    if "$name" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
  return 1
}

missing_packages() { # one a line
  has_java || echo openjdk-17-jre-headless
  jars_done hadoop && jars_done delta || has_maven || echo maven
  has_postgresql || echo postgresql
  stamped uv "$(uv_key)" || has_venv || echo python3-venv
}

missing_maven() { has_maven || echo maven; }

missing_test_packages() { # what only tests need; one a line
  has_chromium || echo chromium
}

missing_lab_packages() { # what three hosts on this machine need, which only root can make; one a line
  [ "$(id -u)" = 0 ] || return 0
  command -v debootstrap >/dev/null || echo debootstrap
  command -v systemd-nspawn >/dev/null || echo systemd-container
}

missing_kerberos_packages() { # a KDC of a test, which only root's tests start; one a line
  [ "$(id -u)" = 0 ] || return 0
  has_sbin krb5kdc || echo krb5-kdc
  has_sbin kadmin.local || echo krb5-admin-server
  command -v kinit >/dev/null || echo krb5-user
  [ -d /usr/lib/python3/dist-packages/gssapi ] || echo python3-gssapi
}

has_sbin() { PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null; }

stamped() { # name, key
  [ "$(cat "$HASHTIDE_HOME/stamps/$1" 2>/dev/null)" = "$2" ]
}

stamp() {
  mkdir -p "$HASHTIDE_HOME/stamps"
  printf '%s\n' "$2" >"$HASHTIDE_HOME/stamps/$1.part"
  mv "$HASHTIDE_HOME/stamps/$1.part" "$HASHTIDE_HOME/stamps/$1"
}

key_of() { cat "$@" | sha256sum | cut -d' ' -f1; }
uv_key() { key_of "$LOCKS/uv.txt"; }
env_key() { key_of "$LOCKS/$1.txt"; }
jars_key() { key_of "$JARS/pom.xml" "$JARS/$1.sha256"; }
env_done() { stamped "env-$1" "$(env_key "$1")" && [ -x "$HASHTIDE_HOME/envs/$1/bin/python" ]; }
jars_done() { stamped "jars-$1" "$(jars_key "$1")" && [ -d "$HASHTIDE_HOME/jars/$1" ]; }

# steps

ensure() { # names of steps
  local todo=() name
  for name in "$@"; do
    case $name in
      packages) [ -z "$(missing_packages)" ] || todo+=("$name") ;;
      test_packages | lab_packages | kerberos_packages) [ -z "$("missing_$name")" ] || todo+=("$name") ;;
      hadoop | delta | s3) jars_done "$name" || todo+=("$name") ;;
      prometheus) has_prometheus || todo+=("$name") ;;
      *) env_done "$name" || todo+=("$name") ;;
    esac
  done
  [ ${#todo[@]} -gt 0 ] || return 0
  mkdir -p "$HASHTIDE_HOME" 2>/dev/null ||
    fail 2 "HASHTIDE_HOME=$HASHTIDE_HOME cannot be made: choose a directory you may write to"
  enough_disk
  # Two at once would work in the same directories; the second finds everything done.
  exec 9>"$HASHTIDE_HOME/.install.lock"
  flock -n 9 || { say "another hashtide is installing into $HASHTIDE_HOME; waiting for it" && flock 9; }
  for name in "${todo[@]}"; do
    case $name in
      packages | test_packages | lab_packages | kerberos_packages) install_packages "missing_$name" ;;
      hadoop | delta | s3) jars_done "$name" || install_jars "$name" ;;
      prometheus) has_prometheus || unpack_prometheus ;;
      *) env_done "$name" || install_env "$name" ;;
    esac
  done
  # Maven's own copies: the checked jars are elsewhere now.
  if jars_done hadoop && jars_done delta; then rm -rf "${HASHTIDE_HOME:?}/m2"; fi
  exec 9>&-
}

enough_disk() {
  local free_mb
  free_mb=$(df -Pm "$HASHTIDE_HOME" | awk 'NR == 2 {print $4}')
  [ "$free_mb" -ge 4000 ] ||
    fail 1 "$HASHTIDE_HOME has $free_mb MB of free disk, 4000 MB are needed: make room, or set HASHTIDE_HOME to another disk"
}

install_packages() { # missing_packages, or another list of that kind
  local wanted sudo=()
  mapfile -t wanted < <("${1:-missing_packages}")
  [ ${#wanted[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || fail 2 "missing: ${wanted[*]}; install them by your system's package manager, then again"
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || fail 2 "missing: ${wanted[*]}; ask an administrator for \`apt-get install ${wanted[*]}\`"
    sudo=(sudo)
  fi
  say "installing Debian packages: ${wanted[*]}"
  logged packages "${sudo[@]}" apt-get update -q
  logged packages "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${wanted[@]}"
}

unpack_prometheus() { # for tests; installed, it would be a service that listens to every network
  local part=$HASHTIDE_HOME/prometheus.part sudo=()
  command -v apt-get >/dev/null || fail 2 "missing: prometheus; put it and promtool on the PATH, then again"
  [ "$(id -u)" = 0 ] || ! command -v sudo >/dev/null || sudo=(sudo)
  say "unpacking Debian's prometheus"
  rm -rf "$part"
  mkdir -p "$part"
  if [ "$(id -u)" = 0 ] || [ ${#sudo[@]} -gt 0 ]; then logged prometheus "${sudo[@]}" apt-get update -q; fi
  (cd "$part" && logged prometheus apt-get download -q prometheus && logged prometheus dpkg-deb -x prometheus_*.deb .)
  rm -rf "${HASHTIDE_HOME:?}/prometheus" "$part"/*.deb
  mv "$part" "$HASHTIDE_HOME/prometheus"
}

install_uv() {
  stamped uv "$(uv_key)" && return
  local python
  python=$(python_311) || fail 2 "no Python 3.11 found: \`apt-get install python3\` on Debian 12"
  has_venv || install_packages
  say "installing uv"
  rm -rf "$HASHTIDE_HOME/tools"
  logged uv "$python" -m venv "$HASHTIDE_HOME/tools"
  logged uv "$HASHTIDE_HOME/tools/bin/python" -m pip install -q --require-hashes -r "$LOCKS/uv.txt"
  stamp uv "$(uv_key)"
}

install_env() { # name
  install_uv
  local uv=$HASHTIDE_HOME/tools/bin/uv env=$HASHTIDE_HOME/envs/$1
  say "making environment $1"
  # One that was cut off may have its python, yet be no environment: that python would be the system's.
  if [ ! -x "$env/bin/python" ] || [ ! -f "$env/pyvenv.cfg" ]; then
    rm -rf "$env"
    logged "env-$1" "$uv" venv -q --no-config --python "$(python_311)" --no-python-downloads "$env"
  fi
  logged "env-$1" "$uv" pip sync -q --no-config --system-certs --require-hashes --compile-bytecode --python "$env/bin/python" "$LOCKS/$1.txt"
  stamp "env-$1" "$(env_key "$1")"
  say "environment $1 is ready"
}

install_jars() { # name of a profile
  local part=$HASHTIDE_HOME/jars/$1.part
  has_maven || install_packages missing_maven
  say "resolving the jars of $1 by Maven"
  rm -rf "$part"
  mkdir -p "$part"
  logged "jars-$1" mvn -B -q -f "$JARS/pom.xml" -P "$1" -Dmaven.repo.local="$HASHTIDE_HOME/m2" \
    dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$part"
  (cd "$part" && sha256sum --quiet --strict -c "$JARS/$1.sha256") ||
    fail 1 "a jar of $1 is not the one that deploy/jars/$1.sha256 names; nothing of it is used"
  [ "$(find "$part" -name '*.jar' | wc -l)" = "$(wc -l <"$JARS/$1.sha256")" ] ||
    fail 1 "Maven brought jars of $1 that deploy/jars/$1.sha256 does not name; nothing of them is used"
  rm -rf "${HASHTIDE_HOME:?}/jars/$1"
  mv "$part" "$HASHTIDE_HOME/jars/$1"
  stamp "jars-$1" "$(jars_key "$1")"
  say "$(wc -l <"$JARS/$1.sha256") jars of $1 are checked"
}

logged() { # name of the log, command; its output is shown only where it fails
  local log=$HASHTIDE_HOME/logs/install-$1.log
  shift
  mkdir -p "${log%/*}"
  "$@" </dev/null >>"$log" 2>&1 9>&- || {
    tail -n 5 "$log" >&2
    fail 1 "\`${1##*/} ${*:2:3}\` failed: see $log; run the same again to go on from here"
  }
}

# what is said without installing anything

list_missing() {
  local name missing=0
  for name in $(missing_packages); do
    missing=1
    echo "missing: Debian package $name    apt-get install $name"
  done
  python_311 >/dev/null || { missing=1; echo "missing: Python 3.11    apt-get install python3"; }
  for name in airflow spark; do
    env_done "$name" || { missing=1; echo "missing: environment $name in $HASHTIDE_HOME/envs    uv pip sync deploy/requirements/$name.txt"; }
  done
  for name in hadoop delta; do
    jars_done "$name" || { missing=1; echo "missing: jars of $name in $HASHTIDE_HOME/jars    mvn -f deploy/jars/pom.xml -P $name dependency:copy-dependencies"; }
  done
  if [ "$missing" = 0 ]; then
    echo "Nothing is missing."
  else
    echo "\`deploy/hashtide up\` installs all of it; Debian packages by sudo."
    return 1
  fi
}

say_first_use() { # verb
  case $1 in
    down | status) echo "Nothing is installed in $HASHTIDE_HOME; \`deploy/hashtide up\` installs and starts it." ;;
    *)
      cat <<'TEXT'
usage: hashtide VERB ...

A fault-tolerant hashtag tracker on Spark Structured Streaming, YARN, HDFS and Airflow.

  deploy/hashtide up                install what is missing, start everything on this machine, end with the top tags
  deploy/hashtide up --no-install   only list what is missing
  deploy/hashtide test              all tests, on a cluster of their own

Nothing is installed yet; after `up`, --help lists every verb.
TEXT
      ;;
  esac
  [ "$1" != status ]
}
