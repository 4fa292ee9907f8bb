/** A sink that cannot be opened: what, what its server said, and the fix. It may mend itself: in mid-run it is waited out. */
export class CannotOpen extends Error {
  override readonly name = 'CannotOpen';

  constructor(
    place: string,
    { said, fix }: { readonly said: string; readonly fix: string | undefined },
    options: ErrorOptions,
  ) {
    const lines = [
      `cannot open ${place}`,
      `  what: ${said.trim().split('\n')[0]}`,
      `  fix:  ${fix ?? 'mend what it says, or correct the settings of this sink'}`,
    ];
    super(lines.join('\n'), options);
  }
}
