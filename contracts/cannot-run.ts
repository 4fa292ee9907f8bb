/** What is wrong, where, and how to mend it. */
export interface Trouble {
  readonly what: string;
  readonly where: string;
  readonly fix: string;
}

/** Why a pipeline refuses to run: what is wrong, where, and how to mend it. Nothing was acknowledged. */
export class CannotRun extends Error {
  override readonly name: string = 'CannotRun';
  readonly trouble: Trouble;

  constructor(trouble: Trouble, options?: ErrorOptions) {
    const { what, where, fix } = trouble;
    super(`${what}\n  where: ${where}\n  fix:   ${fix}`, options);
    this.trouble = trouble;
  }
}

/** What may mend itself: at the start someone is told at once, later it is waited out. */
export class NotNow extends CannotRun {}

/** An address without the password in it, for people to read. */
export function publicUrl(url: string): string {
  try {
    const parsed = new URL(url);
    if (parsed.password) parsed.password = '***';
    return parsed.href;
  } catch {
    return 'an address that is no URL';
  }
}
