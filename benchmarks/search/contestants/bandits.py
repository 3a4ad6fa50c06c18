"""Tree searches published for agents that write or tune machine learning, by their selection rules.

Only the rule that picks where to grow is built here, on the benchmark's own tree and researcher;
what the published systems do besides (prompts, debugging, memory) is not.
"""

import math
from random import Random

from benchmarks.search.contestants.grown import ROOT, Grown

_DRAFTS, _IMPROVEMENTS = 5, 3  # children a node may have: the root, any other


def ml_master_rewards(tree: Grown, rng: Random) -> int | None:
    """UCT with rewards -1 failed, 1 valid, 2 a new best, and a constant that decays to 0.5.

    ML-Master's rewards, not its search: that one goes on with a branch until it is stuck, and keeps
    every branch to one worker.

    Source: Liu et al., "ML-Master", 2025, arXiv 2506.16499; constants as in its public code.
    """
    rewards = _rewards(tree)
    constant = max(0.5, math.sqrt(2) * (1 - tree.spent))
    at = ROOT
    while True:
        children = tree.nodes[at].children
        room = _DRAFTS if at == ROOT else _IMPROVEMENTS
        over = [child for child in children if not tree.nodes[child].pending]
        alive = [child for child in over if not tree.nodes[child].failed]
        if len(children) < room or not alive:
            return at
        visits = {child: len(list(tree.below(child))) for child in alive}
        total = sum(visits.values())
        at = max(
            alive,
            key=lambda c: (
                sum(rewards[n] for n in tree.below(c)) / visits[c]
                + constant * math.sqrt(math.log(total) / visits[c])
            ),
        )


def _rewards(tree: Grown) -> list[float]:
    """Return each node's reward, in the order the nodes were asked for; 0 while it is pending."""
    best, rewards = -math.inf, []
    for node in tree.nodes:
        if node.failed:
            rewards.append(-1.0)
        elif node.score is None:
            rewards.append(0.0)
        else:
            rewards.append(2.0 if node.score > best else 1.0)
            best = max(best, node.score)
    return rewards


def ab_mcts(tree: Grown, rng: Random) -> int | None:
    """AB-MCTS-A: at each node, Thompson sampling between a new child and going on below.

    What new children scored speaks for a new child, what was grown below them for going on.
    Both sides have a normal inverse gamma belief with mean 0, one pseudo-count, one degree of
    freedom and a scale of 0.1, over scores in [0, 1].

    Source: Inoue et al., "Wider or Deeper?", 2025, arXiv 2503.04412, section 3 and appendix.
    """
    at = ROOT
    while True:
        children = [c for c in tree.nodes[at].children if not tree.nodes[c].failed]
        scored = [c for c in children if tree.scores(c)]
        if not scored:
            return at
        new = [tree.scaled(s) for c in scored if (s := tree.nodes[c].score) is not None]
        later = [tree.scaled(s) for c in scored for s in tree.scores(c, itself=False)]
        if _belief(new, rng) > _belief(later, rng):
            return at
        at = max(scored, key=lambda c: _belief([tree.scaled(s) for s in tree.scores(c)], rng))


def _belief(scores: list[float], rng: Random) -> float:
    """Draw a mean from the normal inverse gamma posterior; Gelman et al., 3rd ed., section 3.3."""
    n, mean = len(scores), sum(scores) / len(scores) if scores else 0.0
    squares = sum((s - mean) ** 2 for s in scores)
    weight, freedom = 1 + n, 1 + n
    centre = n * mean / weight
    scale = (0.1 + squares + n * mean**2 / weight) / freedom
    variance = freedom * scale / (2 * rng.gammavariate(freedom / 2, 1.0))
    return rng.gauss(centre, math.sqrt(variance / weight))


def clade_thompson(tree: Grown, rng: Random) -> int | None:
    """Thompson sampling on how a node's whole clade did, sharper as the budget runs out.

    A score counts as that share of a success: ``Beta(t * (1 + successes), t * (1 + failures))``
    with ``t`` the budget over what is left of it.

    Source: Wang et al., "Huxley-Gödel Machine", 2025; its evaluations are single tasks, solved or
    not, here they are scores in [0, 1].
    """
    drafts = tree.nodes[ROOT].children
    scored = tree.scored()
    if len(drafts) < _DRAFTS or not scored:
        return ROOT
    sharp = 1 / max(0.05, 1 - tree.spent)

    def draw(at: int) -> float:
        successes = failures = 0.0
        for n in tree.below(at):
            node = tree.nodes[n]
            if node.score is not None:
                successes += tree.scaled(node.score)
                failures += 1 - tree.scaled(node.score)
            failures += node.failed
        return rng.betavariate(sharp * (1 + successes), sharp * (1 + failures))

    return max(scored, key=draw)
