import { type GraphQLSchema, NoSchemaIntrospectionCustomRule } from 'graphql';
import { createYoga, type Plugin } from 'graphql-yoga';
import type { Config } from '../../contracts/config.ts';
import type { Claims } from '../../contracts/token-claims.ts';
import { type Answer, errors, json } from './answer.ts';
import { limitsOf } from './limits.ts';
import type { Call } from './schema.ts';

export const graphqlPath = '/graphql';

interface Asked {
  readonly claims: Claims;
  readonly signal: AbortSignal;
}

/** Answers GraphQL, for a bearer who was verified: one document a request, within its limits, and in time. */
export function answering(schema: GraphQLSchema, settings: Config['api']) {
  const rules: Plugin = {
    onValidate({ addValidationRule }) {
      addValidationRule(limitsOf(settings));
      if (!settings.introspection) addValidationRule(NoSchemaIntrospectionCustomRule);
    },
  };
  const yoga = createYoga<Asked>({
    schema,
    context: ({ claims, signal }): Call => ({ claims, signal }),
    plugins: [rules],
    graphqlEndpoint: graphqlPath,
    logging: false,
    cors: false,
    graphiql: false,
    landingPage: false,
    batching: false,
    multipart: false,
    maskedErrors: { errorMessage: 'the host has failed; its log says more', isDev: false },
    maxRequestBodySize: settings.bodyBytes,
  });
  return async (
    { url, body }: { readonly url: string; readonly body: Buffer | null },
    claims: Claims,
  ): Promise<Answer> => {
    const signal = AbortSignal.timeout(settings.timeoutSeconds * 1_000);
    const headers = {
      accept: 'application/graphql-response+json', // Whose statuses tell what was refused.
      'content-type': 'application/json',
    };
    const request = new Request(new URL(url, 'http://api'), {
      headers,
      ...(body && { method: 'POST', body: new Uint8Array(body) }),
    });
    const answer = yoga.fetch(request, { claims, signal });
    const response = await Promise.race([answer, lateBy(signal)]);
    if (!response) {
      answer.catch(() => {}); // Nobody waits for it any more.
      const late = `it was not answered in the ${settings.timeoutSeconds} s of api.timeoutSeconds`;
      return json(504, errors('TIMEOUT', late));
    }
    const text = await response.text();
    return {
      status: response.status,
      headers: { 'content-type': 'application/json' },
      body: settings.introspection ? text : withoutHints(text),
    };
  };
}

const lateBy = (signal: AbortSignal) =>
  new Promise<null>((resolve) => signal.addEventListener('abort', () => resolve(null)));

/** Who may not ask for the schema is not told of it by a guess that was nearly right. */
function withoutHints(text: string): string {
  if (!text.includes('Did you mean')) return text;
  const answer = JSON.parse(text) as { errors?: { message: string }[] };
  for (const error of answer.errors ?? [])
    error.message = error.message.replace(/ ?Did you mean .*$/s, '');
  return JSON.stringify(answer);
}
