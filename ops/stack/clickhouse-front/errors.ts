/** An error as ClickHouse tells it: a code, a sentence, and what HTTP makes of it. */
export interface Complaint {
  readonly code: number;
  readonly status: number;
  readonly text: string;
}

/** A refusal by the front itself, in ClickHouse's words. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly complaint: Complaint;

  constructor(code: keyof typeof ownCodes, message: string) {
    const text = `Code: ${ownCodes[code]}. DB::Exception: ${message}. (${code})`;
    super(text);
    this.complaint = { code: ownCodes[code], status: statusOf(ownCodes[code]), text };
  }
}

const ownCodes = {
  BAD_ARGUMENTS: 36,
  NOT_IMPLEMENTED: 48,
  SYNTAX_ERROR: 62,
  READONLY: 164,
  SESSION_NOT_FOUND: 372,
  SESSION_IS_LOCKED: 373,
  INVALID_SESSION_TIMEOUT: 374,
  AUTHENTICATION_FAILED: 516,
} as const;

/** Tells any error in ClickHouse's words; what is not the engine's own is a fault of the front. */
export function complain(error: unknown): Complaint {
  if (error instanceof Refused) return error.complaint;
  const message = error instanceof Error ? error.message : String(error);
  const code = Number(/^Code: (\d+)/.exec(message)?.[1] ?? 0);
  if (code > 0) return { code, status: statusOf(code), text: message };
  return {
    code: 1002,
    status: 500,
    text: `Code: 1002. DB::Exception: ${message}. (UNKNOWN_EXCEPTION)`,
  };
}

// As ClickHouse maps them (exceptionCodeToHTTPStatus); every other code is a 500.
const statuses: readonly { readonly status: number; readonly codes: readonly number[] }[] = [
  { status: 401, codes: [194] },
  { status: 403, codes: [192, 193, 516, 512] },
  {
    status: 400,
    codes: [6, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 69, 70, 72, 117, 125, 167, 168].concat([
      232, 376, 427, 441, 675, 676,
    ]),
  },
  { status: 404, codes: [46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 336, 511] },
  { status: 408, codes: [159] },
  { status: 411, codes: [381] },
  { status: 413, codes: [307] },
  { status: 501, codes: [48] },
  { status: 503, codes: [76, 209, 439] },
];

function statusOf(code: number): number {
  return statuses.find(({ codes }) => codes.includes(code))?.status ?? 500;
}
