import { GraphQLError } from 'graphql';

/** What a caller may be told: why the call is refused, in a word and a sentence. */
export type Code = 'FORBIDDEN' | 'BAD_USER_INPUT' | 'UNAVAILABLE' | 'LIMIT';

const statuses = { FORBIDDEN: 403, BAD_USER_INPUT: 400, UNAVAILABLE: 503, LIMIT: 400 } as const;

/** An error that is shown as it is; every other is masked. It names columns and rules, never a row's value. */
export const refused = (code: Code, message: string, reason?: string): GraphQLError =>
  new GraphQLError(message, {
    extensions: { code, ...(reason && { reason }), http: { status: statuses[code] } },
  });
