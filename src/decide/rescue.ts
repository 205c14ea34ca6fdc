import type { TracePredicate } from '../model/predicates.ts';
import type { PolicyDocument, Problem } from '../model/rules.ts';

interface Policy {
  readonly when: TracePredicate;
  readonly drops: boolean;
}

/**
 * A policy with `rescue: true` brings back a trace that was dropped where a late span alone is what it asks for. Of the
 * trace nothing is left to ask, so only those can have it that say something of one span.
 */
export function withRescue<P extends Policy>(
  policy: P,
  { type, rescue = false }: PolicyDocument,
): (P & { readonly rescues: boolean }) | readonly Problem[] {
  if (typeof rescue !== 'boolean') return [{ path: ['rescue'], message: 'expected true or false' }];
  const message = rescue ? whyNot(policy, type) : '';
  return message === '' ? { ...policy, rescues: rescue } : [{ path: ['rescue'], message }];
}

function whyNot({ when, drops }: Policy, type: string): string {
  if (drops) return `${type} keeps nothing, so that it brings nothing back: expected on a policy that keeps`;
  if (isOfOneSpan(when)) return '';
  if (when.op === 'and' && when.of.every(isOfOneSpan))
    return 'it may ask another span for each, and a late span is asked alone: add same_span: true';
  return `it says something of the whole trace, and a late span is asked alone: expected on a policy that some span fulfils, such as status_code, string_attribute, span_latency or route`;
}

/** Some span is so, or so: a span's own bits tell it. */
export const isOfOneSpan = (when: TracePredicate): boolean =>
  isOfAny(when) || (when.op === 'or' && when.of.every(isOfAny));

const isOfAny = ({ op }: TracePredicate): boolean => op === 'any' || op === 'never';
