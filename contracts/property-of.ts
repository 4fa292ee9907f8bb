interface Property {
  readonly property: string;
  readonly value: unknown;
}

/** What a table or a column says under a name among its customProperties; null where it says nothing. */
export function propertyOf<Any extends Property, Name extends Any['property']>(
  { customProperties }: { readonly customProperties: readonly Any[] },
  name: Name,
): Extract<Any, { readonly property: Name }>['value'] | null {
  const found = customProperties.find(
    (each): each is Extract<Any, { readonly property: Name }> => each.property === name,
  );
  return found?.value ?? null;
}
