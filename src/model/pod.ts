/** What is known of a pod; plain, so that it can be sent to another thread. */
export interface Pod {
  readonly uid: string;
  /** None of a pod on its node's network, which shares them, nor of one that has ended. */
  readonly ips: readonly string[];
  /** Resource attributes, by key: k8s.pod.name and the like. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** Pods that are new or others than they were, and the uids of those that are gone. */
export interface PodChanges {
  readonly put: readonly Pod[];
  readonly gone: readonly string[];
}
