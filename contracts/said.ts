/** What is promised otherwise, where its place is known. */
export interface Said {
  readonly what: string;
  /** Why somebody who holds to what was promised before is let down; null where nobody is. */
  readonly breaks: string | null;
}

/** Said of a thing that was one text and is another; none is null. */
export function changed(
  thing: string,
  was: string | null,
  is: string | null,
  breaks: string | null,
): readonly Said[] {
  if (was === is) return [];
  return [{ what: `${thing} was ${was ?? 'none'}, and is ${is ?? 'none'}`, breaks }];
}
