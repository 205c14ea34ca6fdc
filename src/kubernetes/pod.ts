import type { Pod } from '../model/pod.ts';

/** Labels and annotations that become attributes. */
interface Wanted {
  readonly labels: readonly string[];
  readonly annotations: readonly string[];
}

/** An annotation may have 256 KiB; as an attribute it gets no more than this. */
const maxValueChars = 1024;

/** Whatever the API server sent: every step may lead to nothing. */
// biome-ignore lint/suspicious/noExplicitAny: foreign JSON
type Json = any;

const ended = ['Succeeded', 'Failed'];

/**
 * A Pod of the API as far as attributes go; undefined where it has no uid. Names are OpenTelemetry's semantic conventions
 * for Kubernetes resources (semantic-conventions, docs/resource/k8s). A Deployment is told by its ReplicaSet's name
 * without the hash that Kubernetes put behind it, a CronJob by its Job's without the time, so that pods are all that is asked for.
 */
export function podOf(object: Json, { labels, annotations }: Wanted): Pod | undefined {
  const { metadata = {}, spec = {}, status = {} } = object ?? {};
  if (typeof metadata?.uid !== 'string' || metadata.uid === '') return undefined;
  const attributes = {
    'k8s.pod.name': metadata.name,
    'k8s.pod.uid': metadata.uid,
    'k8s.namespace.name': metadata.namespace,
    'k8s.node.name': spec?.nodeName,
    'k8s.pod.start_time': status?.startTime,
    ...ownerOf(metadata),
    ...picked('k8s.pod.label.', labels, metadata.labels),
    ...picked('k8s.pod.annotation.', annotations, metadata.annotations),
  };
  return { uid: metadata.uid, ips: ipsOf(spec, status), attributes: texts(attributes) };
}

function ipsOf(spec: Json, status: Json): string[] {
  if (spec?.hostNetwork === true || ended.includes(status?.phase)) return [];
  const all: unknown[] = [
    status?.podIP,
    ...(Array.isArray(status?.podIPs) ? status.podIPs : []).map((each: Json) => each?.ip),
  ];
  return [...new Set(all.filter((ip): ip is string => typeof ip === 'string' && ip !== ''))].slice(0, 4);
}

function ownerOf({ ownerReferences, labels }: Json): Json {
  const owner = (Array.isArray(ownerReferences) ? ownerReferences : []).find((each: Json) => each?.controller === true);
  const name = typeof owner?.name === 'string' ? owner.name : '';
  switch (owner?.kind) {
    case 'ReplicaSet': {
      const hash = `-${labels?.['pod-template-hash']}`;
      const deployment = name.endsWith(hash) ? { 'k8s.deployment.name': name.slice(0, -hash.length) } : {};
      return { 'k8s.replicaset.name': name, ...deployment };
    }
    case 'Job': {
      const [, cronJob] = /^(.+)-\d{8,}$/.exec(name) ?? [];
      return { 'k8s.job.name': name, ...(cronJob && { 'k8s.cronjob.name': cronJob }) };
    }
    case 'StatefulSet':
      return { 'k8s.statefulset.name': name };
    case 'DaemonSet':
      return { 'k8s.daemonset.name': name };
    default:
      return {};
  }
}

const picked = (prefix: string, names: readonly string[], from: Json): Json =>
  Object.fromEntries(names.map((name) => [`${prefix}${name}`, from?.[name]]));

function texts(attributes: Json): Record<string, string> {
  const all = Object.entries(attributes).filter(
    (each): each is [string, string] => typeof each[1] === 'string' && each[1] !== '',
  );
  return Object.fromEntries(all.map(([key, value]) => [key, value.slice(0, maxValueChars)]));
}
