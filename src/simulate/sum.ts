import type { RulesOutcome, ServiceOutcome, Simulation } from './simulation.ts';
import { type Amount, addAmount, noAmount, type PolicyTally } from './tally.ts';

const mostExamples = 100;

/** What several gateways said, as if it were one. */
export function sumOf([first, ...others]: readonly Simulation[]): Simulation {
  return others.reduce(sum, first);
}

function sum(a: Simulation, b: Simulation): Simulation {
  return {
    seconds: Math.max(a.seconds, b.seconds),
    warmSeconds: Math.min(a.warmSeconds, b.warmSeconds),
    ...plus(a, b),
    sampled: Math.min(a.sampled, b.sampled),
    complete: a.complete && b.complete,
    ...(a.gateways && { gateways: [...a.gateways, ...(b.gateways ?? [])] }),
    ...(a.unanswered && { unanswered: a.unanswered }),
    today: outcomes(a.today, b.today),
    candidate: outcomes(a.candidate, b.candidate),
    services: services([...a.services, ...b.services]),
    won: { ...plus(a.won, b.won), examples: [...a.won.examples, ...b.won.examples].slice(0, mostExamples) },
    lost: { ...plus(a.lost, b.lost), examples: [...a.lost.examples, ...b.lost.examples].slice(0, mostExamples) },
  };
}

function plus(a: Amount, b: Amount): Amount {
  const both = noAmount();
  addAmount(both, a);
  addAmount(both, b);
  return both;
}

const outcomes = (a: RulesOutcome, b: RulesOutcome): RulesOutcome => ({
  keptTraces: a.keptTraces + b.keptTraces,
  keptSpans: a.keptSpans + b.keptSpans,
  keptBytes: a.keptBytes + b.keptBytes,
  perDay: plus(a.perDay, b.perDay),
  policies: [...Map.groupBy([...a.policies, ...b.policies], ({ policy }) => policy).values()].map((same) =>
    same.reduce(policies),
  ),
  approximate: [...new Set([...a.approximate, ...b.approximate])],
});

const policies = (a: PolicyTally, b: PolicyTally): PolicyTally => ({
  policy: a.policy,
  votes: a.votes + b.votes,
  decides: plus(a.decides, b.decides),
  alone: plus(a.alone, b.alone),
  overrules: a.overrules + b.overrules,
});

function services(all: readonly ServiceOutcome[]): ServiceOutcome[] {
  return [...Map.groupBy(all, ({ service }) => service).values()].map((same) =>
    same.reduce((a, b) => ({
      service: a.service,
      all: plus(a.all, b.all),
      today: plus(a.today, b.today),
      candidate: plus(a.candidate, b.candidate),
    })),
  );
}
