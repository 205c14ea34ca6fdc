/**
 * What is wrong with a value; where it stands is known to who reads. What a message quotes of it stands in quotation
 * marks, by which the log knows what it must not say.
 */
export class Problem extends Error {}
