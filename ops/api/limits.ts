import {
  type ASTVisitor,
  GraphQLError,
  Kind,
  type SelectionSetNode,
  type ValidationContext,
  type ValidationRule,
} from 'graphql';

export interface Limits {
  readonly depth: number;
  readonly fields: number;
  readonly aliases: number;
}

/**
 * Refuses documents that are too deep, too wide, or that ask for one thing under many names. Fragments count
 * as often as they are spread; once a limit is passed, nothing more is counted.
 */
export const limitsOf =
  (limits: Limits): ValidationRule =>
  (context: ValidationContext): ASTVisitor => ({
    OperationDefinition(operation) {
      const size = { fields: 0, aliases: 0, depth: 0 };
      const isOver = () =>
        size.fields > limits.fields || size.aliases > limits.aliases || size.depth > limits.depth;

      const count = (set: SelectionSetNode, depth: number, within: readonly string[]): void => {
        size.depth = Math.max(size.depth, depth);
        for (const node of set.selections) {
          if (isOver()) return;
          if (node.kind === Kind.FIELD) {
            size.fields++;
            if (node.alias) size.aliases++;
            if (node.selectionSet) count(node.selectionSet, depth + 1, within);
          } else if (node.kind === Kind.INLINE_FRAGMENT) count(node.selectionSet, depth, within);
          else if (!within.includes(node.name.value)) {
            const fragment = context.getFragment(node.name.value);
            size.fields++; // So that fragments which hold nothing but others come to an end, too.
            if (fragment) count(fragment.selectionSet, depth, [...within, node.name.value]);
          }
        }
      };
      count(operation.selectionSet, 1, []);
      for (const name of ['depth', 'fields', 'aliases'] as const)
        if (size[name] > limits[name])
          context.reportError(
            new GraphQLError(`the query has more ${name} than the ${limits[name]} of api.${name}`, {
              extensions: { code: 'LIMIT' },
            }),
          );
    },
  });
