/** Joins all by twos, so that the tree is as deep as its number of leaves has bits. There is at least one. */
export function balanced<T>(parts: readonly T[], join: (left: T, right: T) => T): T {
  if (parts.length === 1) return parts[0];
  const middle = parts.length >> 1;
  return join(balanced(parts.slice(0, middle), join), balanced(parts.slice(middle), join));
}
