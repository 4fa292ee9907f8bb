// What is used of `graphql-yoga`. Its own types bring the browser's along, which contradict Node's; see `paths` in tsconfig.json.
import type { GraphQLSchema, ValidationRule } from 'graphql';

/** Merges documents of SDL, each of which may have its part of Query and Mutation. */
export function createSchema(options: { readonly typeDefs: readonly string[] }): GraphQLSchema;

export interface Plugin {
  readonly onValidate: (hook: {
    readonly addValidationRule: (rule: ValidationRule) => void;
  }) => void;
}

export interface YogaOptions<Context> {
  readonly schema: GraphQLSchema;
  readonly context: (initial: Context) => object;
  readonly plugins: readonly Plugin[];
  readonly graphqlEndpoint: string;
  readonly logging: false;
  readonly cors: false;
  readonly graphiql: false;
  readonly landingPage: false;
  readonly batching: false;
  readonly multipart: false;
  readonly maskedErrors: { readonly errorMessage: string; readonly isDev: false };
  readonly maxRequestBodySize: number;
}

export interface Yoga<Context> {
  fetch(request: Request, context: Context): Promise<Response>;
}

export function createYoga<Context extends object>(options: YogaOptions<Context>): Yoga<Context>;
