import type { Pod, PodChanges } from '../model/pod.ts';
import { ApiError, type AskApi } from './api.ts';
import { podOf } from './pod.ts';
import { readJson, readLines } from './read.ts';

export interface PodsWatchOptions {
  readonly node: string;
  readonly labels: readonly string[];
  readonly annotations: readonly string[];
  readonly maxPods: number;
}

/** What the watch needs from outside; tests turn these by hand. */
interface PodsSurroundings {
  readonly ask: AskApi;
  /** Resolves after so long, sooner when the signal is aborted. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<unknown>;
  readonly monotonicMs: () => number;
  readonly random: () => number;
}

interface PodsEvents {
  /** To whoever enriches: at most `pageOfPods` at once. */
  readonly publish: (changes: PodChanges) => void;
  /** When it begins to fail, and when it is well again. */
  readonly failed: (why: string) => void;
  readonly recovered: () => void;
  /** There are more pods than may be known; told once. */
  readonly full: () => void;
}

/** A page of a list: some 10 kB a pod, so it is parsed in a few milliseconds. */
const pageOfPods = 100;
/** etcd takes objects of up to 1.5 MiB, and a pod has some 10 kB: pages beyond this are not read. */
const maxPageBytes = 64 << 20;
const maxEventBytes = 4 << 20;
/** The server ends a watch after so long, and it is asked anew; the rest is patience. */
const watchSeconds = 300;
const patienceMs = 30_000;
/** For how long a pod is known that is gone: spans of it are still waiting, or on their way. */
const rememberGoneMs = 120_000;
const [leastPauseMs, mostPauseMs] = [1_000, 30_000];

/**
 * Knows the pods by a list and a watch from its version on (Kubernetes API concepts, "efficient detection of changes"), with
 * bookmarks, so that a quiet watch goes on where it ended. Whatever fails is tried again after 1 s, then twice as long, up to
 * 30 s, give or take a fifth; what is known stays. Nobody waits for it.
 */
export class PodsWatch {
  readonly stats = { pods: 0, failures: 0, answeredMs: 0 };
  readonly #options: PodsWatchOptions;
  readonly #world: PodsSurroundings;
  readonly #events: PodsEvents;
  readonly #stopping = new AbortController();
  readonly #there = new Set<string>();
  /** When a pod was gone, by its uid; in that order. */
  readonly #gone = new Map<string, number>();
  /** From where a watch goes on; undefined: by a list. */
  #version: string | undefined;
  #failing = 0;
  #isFull = false;

  constructor(options: PodsWatchOptions, world: PodsSurroundings, events: PodsEvents) {
    this.#options = options;
    this.#world = world;
    this.#events = events;
    this.stats.answeredMs = world.monotonicMs();
  }

  /** Goes on until `stop`; never rejects. */
  async run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        this.#version ??= await this.#list(signal);
        await this.#watch(this.#version, signal);
        this.#well();
        // A server that ends every watch at once is not asked at once again.
        await this.#world.sleep(this.#pauseMs(), signal).catch(() => {});
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof ApiError && error.status === 410) this.#version = undefined;
        this.#fail(error as Error);
        await this.#world.sleep(this.#pauseMs(), signal).catch(() => {});
      }
    }
  }

  stop(): void {
    this.#stopping.abort();
  }

  /** All pods, page by page; those that are not among them are gone. The version that a watch goes on from. */
  async #list(signal: AbortSignal): Promise<string> {
    const listed = new Set<string>();
    let next = '';
    let version = '';
    do {
      const over = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]);
      const query = new URLSearchParams({ limit: `${pageOfPods}`, ...(next && { continue: next }), ...this.#ofNode() });
      const page = (await readJson(await this.#world.ask(`/api/v1/pods?${query}`, over), maxPageBytes)) as PodList;
      const pods = this.#wanted(page.items ?? []);
      for (const { uid } of pods) listed.add(uid);
      this.#publish(pods, []);
      next = page.metadata?.continue ?? '';
      version = page.metadata?.resourceVersion ?? '';
    } while (next !== '');
    this.#publish(
      [],
      [...this.#there].filter((uid) => !listed.has(uid)),
    );
    return version;
  }

  /** Until the server ends it; rejects with 410 where the version is too old. */
  async #watch(version: string, signal: AbortSignal): Promise<void> {
    const over = AbortSignal.any([signal, AbortSignal.timeout(watchSeconds * 1000 + patienceMs)]);
    const query = new URLSearchParams({
      watch: '1',
      resourceVersion: version,
      allowWatchBookmarks: 'true',
      timeoutSeconds: `${watchSeconds}`,
      ...this.#ofNode(),
    });
    const answer = await this.#world.ask(`/api/v1/pods?${query}`, over);
    for await (const line of readLines(answer, maxEventBytes)) {
      const { type, object } = line as PodEvent;
      if (type === 'ERROR') throw new ApiError(object?.code ?? 500, object?.message ?? 'the watch failed');
      if (type === 'DELETED') this.#publish([], [object?.metadata?.uid ?? '']);
      else if (type !== 'BOOKMARK') this.#publish(this.#wanted([object]), []);
      this.#version = object?.metadata?.resourceVersion ?? this.#version;
      this.#well();
    }
  }

  #ofNode(): Record<string, string> {
    const { node } = this.#options;
    return node === '' ? {} : { fieldSelector: `spec.nodeName=${node}` };
  }

  #wanted(objects: readonly unknown[]): Pod[] {
    let room = this.#options.maxPods - this.#there.size - this.#gone.size;
    return objects.flatMap((object) => {
      const pod = podOf(object, this.#options);
      if (pod === undefined) return [];
      const isNew = !this.#there.has(pod.uid) && !this.#gone.has(pod.uid);
      if (isNew && room-- <= 0) {
        if (!this.#isFull) this.#events.full();
        this.#isFull = true;
        return [];
      }
      return [pod];
    });
  }

  /** Those that are gone are told of a while later; whoever was gone and is there again is new. */
  #publish(put: readonly Pod[], gone: readonly string[]): void {
    const now = this.#world.monotonicMs();
    for (const { uid } of put) {
      this.#gone.delete(uid);
      this.#there.add(uid);
    }
    for (const uid of gone) if (this.#there.delete(uid)) this.#gone.set(uid, now);
    const forgotten = this.#longGone(now);
    this.stats.pods = this.#there.size;
    if (put.length > 0 || forgotten.length > 0) this.#events.publish({ put, gone: forgotten });
  }

  #longGone(now: number): string[] {
    const forgotten: string[] = [];
    for (const [uid, goneAt] of this.#gone) {
      if (now - goneAt < rememberGoneMs) break;
      this.#gone.delete(uid);
      forgotten.push(uid);
    }
    return forgotten;
  }

  #well(): void {
    this.stats.answeredMs = this.#world.monotonicMs();
    if (this.#failing > 0) this.#events.recovered();
    this.#failing = 0;
  }

  #fail(error: Error): void {
    this.stats.failures++;
    if (this.#failing++ === 0) this.#events.failed(error.message);
  }

  #pauseMs(): number {
    const pause = Math.min(mostPauseMs, leastPauseMs * 2 ** Math.max(0, this.#failing - 1));
    return pause * (0.8 + 0.4 * this.#world.random());
  }
}

interface PodList {
  readonly metadata?: { readonly continue?: string; readonly resourceVersion?: string };
  readonly items?: readonly unknown[];
}

interface PodEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object?: {
    readonly metadata?: { readonly uid?: string; readonly resourceVersion?: string };
    readonly code?: number;
    readonly message?: string;
  };
}
