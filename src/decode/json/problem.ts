/** What is wrong with a value; where it stands is known to who reads. */
export class Problem extends Error {}
