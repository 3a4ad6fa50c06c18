#!/bin/sh
# Prints the users of Redis for --aclfile: one for each service, with the keys and commands that it needs.
# Passwords come from the environment; their SHA-256 alone is printed. What is in brackets is a selector:
# its commands on its keys and on no others.
set -euf

user() { # name, variable with its password, what it may do
  name=$1 variable=$2
  shift 2
  eval "password=\${$variable:-}"
  if [ -z "$password" ]; then
    echo "redis: wanted the password of user $name in $variable, found none; set it" >&2
    exit 2
  fi
  hash=$(printf %s "$password" | sha256sum | cut -d ' ' -f 1)
  echo "user $name on #$hash resetchannels -@all +@connection +@transaction -watch -@dangerous +time +script|load $*"
}

scripts="+eval +evalsha" # what runs in a script is held to the rights of whoever calls it

# What Celery does with a queue: its list, what was taken off it and is not acknowledged, who is bound to it.
celery() { # keys
  echo "($* $scripts +@list +@set +@hash +@sortedset +@string +del +exists +watch)"
}

# Of a ledger a worker may write alone: there stands what others were told and scored.
worker() { # service, then the names of its work
  service=$1 keys="~trex:living ~trex:said ~trex:workers:$1 ~trex:machines:$1 ~trex:{*}:open ~trex:{*}:ledger"
  shift
  for work in "$@"; do keys="$keys ~trex:{*}:work:$work"; done
  celery "~$service ~$service[^a-z]* ~_kombu.binding.$service ~_kombu.binding_permanent.$service"
  echo "($keys $scripts +hget +hmget +hset +hdel +hincrby +zadd +zrem +zrangebyscore +zremrangebyscore +xadd)"
  echo "(~trex:ping +set) (%R~trex:contracts +get)"
}

echo "user default off"
echo "user health on nopass -@all +ping"
user planner REDIS_PLANNER_PASSWORD \
  "(~trex:* $scripts +@keyspace +@read +@write -@dangerous)" \
  $(celery "~planner* ~researcher* ~executor* ~evaluator* ~_kombu.binding*")
user researcher REDIS_RESEARCHER_PASSWORD \
  $(worker researcher plan brief "propose-*" "diagnose-*") \
  "(~trex:{accounts}:* ~trex:{lessons}:* ~trex:{*}:calls:* $scripts +hget +hgetall +hmget +hset +hdel +hexists" \
  "+hincrby +expire +exists +set +lpos +lrange +ltrim +rpush)"
user executor REDIS_EXECUTOR_PASSWORD \
  $(worker executor "run-*" "replicate-*" "discard-*")
user evaluator REDIS_EVALUATOR_PASSWORD \
  $(worker evaluator "score-*" "check-*" "test-*" "few-shot-*" "reference-*" "guard-*")
