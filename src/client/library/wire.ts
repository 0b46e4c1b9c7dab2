/** Keys whose values are somebody's own names, and stay as they are. */
const opaque = ['metadata', 'env', 'auth_config'] as const;
type OpaqueKey = (typeof opaque)[number];

/** `created_at` → `createdAt`. */
export type CamelCase<Key extends string> = Key extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Key;

type Field<Key, Value> = Key extends OpaqueKey
  ? Value
  : Key extends `${string}_at` | 'ts'
    ? Value extends string
      ? Date
      : Value
    : FromWire<Value>;

type Nullish<Value> = Extract<Value, null | undefined> extends never ? false : true;

/** An answer of the contract as this library has it: camelCase, times as Date, and what is null left out. */
export type FromWire<Value> = Value extends readonly (infer Item)[]
  ? FromWire<Item>[]
  : Value extends object
    ? {
        [Key in keyof Value & string as Nullish<Value[Key]> extends true ? never : CamelCase<Key>]: Field<
          Key,
          Value[Key]
        >;
      } & {
        [Key in keyof Value & string as Nullish<Value[Key]> extends true ? CamelCase<Key> : never]?: Field<
          Key,
          NonNullable<Value[Key]>
        >;
      }
    : Value;

/** See `FromWire`. */
export function fromWire<Value>(value: Value): FromWire<Value>;
export function fromWire(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((each: unknown) => fromWire(each));
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).filter(([, each]) => each !== null && each !== undefined);
  return Object.fromEntries(fields.map(([key, each]) => [camelCase(key), fieldOf(key, each)]));
}

function fieldOf(key: string, value: unknown): unknown {
  if (opaque.some((each) => each === key)) return value;
  return typeof value === 'string' && /(?:^ts|_at)$/.test(key) ? new Date(value) : fromWire(value);
}

function camelCase(key: string): string {
  return key.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
