# Outlives the process that owns a throwaway cluster, and is the one way in which a cluster ends.
#   sh -c <this> mapwright-watchdog <pg_ctl> <directory>
# Standard input is a pipe whose other end only the owner holds: it closes when the owner lets go of
# the cluster, and when the owner dies, of whatever cause. The word `keep` on it lets the server be.
trap '' HUP INT TERM
word=
read -r word
[ "$word" = keep ] && exit 0
# Nothing in the cluster is worth a checkpoint. Twice, because the owner can die while the server is
# starting: a server that outlives both stops by itself once its directory is gone.
for _ in 1 2; do
    [ -e "$2/data/postmaster.pid" ] && "$1" stop --silent --pgdata "$2/data" --mode immediate --timeout 20
    sleep 0.01
done >/dev/null 2>&1
cd / && rm -rf "$2"
