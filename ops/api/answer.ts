/** What a request is answered with. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

/** An answer in JSON. */
export const json = (status: number, body: object, headers: Answer['headers'] = {}): Answer => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: `${JSON.stringify(body)}\n`,
});

/** Why a request is refused before any field of it is looked at, in the form that GraphQL has for it. */
export const errors = (code: string, message: string, reason?: string) => ({
  errors: [{ message, extensions: { code, ...(reason !== undefined && { reason }) } }],
});
