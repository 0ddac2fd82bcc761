import { useRef } from 'react';

/** The list from before for as long as it holds the same things, so that what depends on it rests. */
export function useStable<T>(list: readonly T[]): readonly T[] {
  const kept = useRef(list);
  const isSame =
    kept.current.length === list.length && kept.current.every((one, at) => one === list[at]);
  if (!isSame) {
    kept.current = list;
  }
  return kept.current;
}
