#!/bin/sh
# bin/hdfs and bin/yarn of the archive that `deploy/hashtide artifacts` packs: the sub-commands and variables of the
# distribution's own launchers, so that units, playbooks and people need not know which of the two is installed.
set -eu
self=$(readlink -f "$0")
home=${self%/bin/*}
conf=${HADOOP_CONF_DIR:-$home/etc/hadoop}
[ ! -f "$conf/hadoop-env.sh" ] || . "$conf/hadoop-env.sh"

word=${1:-}
[ $# -eq 0 ] || shift
hadoop=org.apache.hadoop
opts=${HADOOP_CLIENT_OPTS:-}
case ${self##*/}:$word in
  hdfs:namenode) main=$hadoop.hdfs.server.namenode.NameNode opts=${HDFS_NAMENODE_OPTS:-} ;;
  hdfs:datanode) main=$hadoop.hdfs.server.datanode.DataNode opts=${HDFS_DATANODE_OPTS:-} ;;
  hdfs:journalnode) main=$hadoop.hdfs.qjournal.server.JournalNode opts=${HDFS_JOURNALNODE_OPTS:-} ;;
  hdfs:zkfc) main=$hadoop.hdfs.tools.DFSZKFailoverController opts=${HDFS_ZKFC_OPTS:-} ;;
  hdfs:dfs) main=$hadoop.fs.FsShell ;;
  hdfs:dfsadmin) main=$hadoop.hdfs.tools.DFSAdmin ;;
  hdfs:haadmin) main=$hadoop.hdfs.tools.DFSHAAdmin ;;
  hdfs:fsck) main=$hadoop.hdfs.tools.DFSck ;;
  hdfs:getconf) main=$hadoop.hdfs.tools.GetConf ;;
  yarn:resourcemanager) main=$hadoop.yarn.server.resourcemanager.ResourceManager opts=${YARN_RESOURCEMANAGER_OPTS:-} ;;
  yarn:nodemanager) main=$hadoop.yarn.server.nodemanager.NodeManager opts=${YARN_NODEMANAGER_OPTS:-} ;;
  yarn:rmadmin) main=$hadoop.yarn.client.cli.RMAdminCLI ;;
  yarn:application | yarn:app) main=$hadoop.yarn.client.cli.ApplicationCLI && set -- application "$@" ;;
  yarn:node) main=$hadoop.yarn.client.cli.NodeCLI ;;
  yarn:queue) main=$hadoop.yarn.client.cli.QueueCLI ;;
  hdfs:version | yarn:version) main=$hadoop.util.VersionInfo ;;
  hdfs:classpath | yarn:classpath) echo "$conf:$home/share/hadoop/common/lib/*" && exit ;;
  *) echo "${self##*/}: no sub-command '$word' in this archive; the distribution of Hadoop has all of them" >&2 && exit 2 ;;
esac
# shellcheck disable=SC2086  # several options in one variable, as Hadoop's own launchers take them
exec "${JAVA_HOME:?}/bin/java" ${HADOOP_OPTS:-} $opts \
  -cp "$conf:$home/share/hadoop/common/lib/*" "$main" "$@"
