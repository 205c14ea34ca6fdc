/** Seconds by which decisions are late; the goal is a tenth at the 99th percentile. */
export const latenessBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
