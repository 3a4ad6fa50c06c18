"""A Slurm of one machine: the commands that submitit calls, each a small script.

A job is a session of processes. What is known of it lies in files: its script, whether it runs,
and the status it ended with. While a file ``full`` is there, jobs wait.
"""

from pathlib import Path

SBATCH = """
if grep -q -- --partition=nowhere "${@: -1}"; then
    echo 'sbatch: error: invalid partition specified: nowhere' >&2
    exit 1
fi
id=$$
cp "${@: -1}" "$home/$id.script"
SLURM_JOB_ID=$id FAKE_SLURM_JOB="$home/$id" setsid "$home/bin/run" "$id" >/dev/null 2>&1 &
echo "Submitted batch job $id"
"""

RUN = """
while [ -e "$home/full" ]; do sleep 0.05; [ -e "$home/$1.cancelled" ] && exit; done
touch "$home/$1.running"
bash "$home/$1.script"
echo $? > "$home/$1.ended"
"""

SRUN = """
while [[ $1 == --* ]]; do
    case $1 in --output) output=${2//%j/$SLURM_JOB_ID}; shift 2 ;; *) shift ;; esac
done
exec "$@" >>"${output//%t/0}" 2>&1
"""

SACCT = """
id=${@: -1}
state=PENDING
[ -e "$home/$id.running" ] && state=RUNNING
[ -e "$home/$id.ended" ] && state=FAILED && [ "$(cat "$home/$id.ended")" = 0 ] && state=COMPLETED
[ -e "$home/$id.cancelled" ] && state="CANCELLED by 0"
printf 'JobID|State|NodeList\\n%s|%s|here\\n' "$id" "$state"
"""

SCANCEL = """
id=${@: -1}
signal=TERM
for word in "$@"; do [[ $word == --signal=* ]] && signal=${word#--signal=}; done
[ -e "$home/$id.ended" ] || touch "$home/$id.cancelled"
for process in /proc/[0-9]*; do
    grep -qzsx "FAKE_SLURM_JOB=$home/$id" "$process/environ" && kill -"$signal" "${process#/proc/}"
done
true
"""

COMMANDS = {"sbatch": SBATCH, "srun": SRUN, "sacct": SACCT, "scancel": SCANCEL, "run": RUN}


def make_slurm(home: Path) -> Path:
    """Write the commands below a new folder and return the one to put in front of PATH."""
    commands = home / "bin"
    commands.mkdir(parents=True)
    for name, script in COMMANDS.items():
        file = commands / name
        file.write_text(f"#!/bin/bash\nhome='{home}'\n{script}")
        file.chmod(0o755)
    return commands
