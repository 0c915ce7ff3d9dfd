import { asJson, type Json } from './shape.ts';

/** A value that fits a JSON schema. An object has its first property and all required ones. */
export function sample(schema: unknown, root: Json = asJson(schema)): unknown {
  const node = asJson(schema);
  if (typeof node.$ref === 'string') return sample(resolve(root, node.$ref), root);
  if ('const' in node) return node.const;
  if (Array.isArray(node.enum)) return node.enum[0];
  const choice = [node.anyOf, node.oneOf, node.allOf].find(Array.isArray);
  if (choice) return sample(choice[0], root);
  switch (typeName(node)) {
    case 'object':
      return sampleObject(node, root);
    case 'array':
      return Array.from({ length: Math.max(1, Number(node.minItems ?? 1)) }, () => sample(node.items, root));
    case 'number':
    case 'integer':
      return Number(node.minimum ?? 1);
    case 'boolean':
      return true;
    case 'null':
      return null;
    default:
      return 'Paris';
  }
}

function typeName(node: Json): string {
  const type = Array.isArray(node.type) ? node.type[0] : node.type;
  if (typeof type === 'string') return type.toLowerCase();
  return node.properties ? 'object' : 'string';
}

function sampleObject(node: Json, root: Json): Json {
  const properties = asJson(node.properties);
  const required = Array.isArray(node.required) ? node.required.map(String) : [];
  const wanted = new Set([...Object.keys(properties).slice(0, 1), ...required]);
  return Object.fromEntries([...wanted].map((name) => [name, sample(properties[name], root)]));
}

function resolve(root: Json, reference: string): unknown {
  return reference
    .slice(2)
    .split('/')
    .reduce<unknown>((node, key) => asJson(node)[key], root);
}
