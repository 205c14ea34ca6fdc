import { isCollection, isMap, isSeq, parseDocument } from 'yaml';

/** What is changed in a rules document's text; comments stay. */
export type RulesEdit =
  | { readonly path: readonly string[]; readonly value: unknown }
  | { readonly removePolicy: string }
  | { readonly addPolicy: Readonly<Record<string, unknown>> };

/** The text with the change made. */
export function edited(text: string, edit: RulesEdit): string {
  const document = parseDocument(text, { schema: 'core' });
  if ('path' in edit) document.setIn(edit.path, document.createNode(edit.value));
  else if ('addPolicy' in edit) {
    const policies = document.get('policies');
    if (isSeq(policies)) {
      policies.flow = false;
      policies.add(document.createNode(edit.addPolicy));
    } else document.set('policies', document.createNode([edit.addPolicy]));
  } else {
    const policies = document.get('policies');
    if (isSeq(policies))
      policies.items = policies.items.filter((each) => !isMap(each) || each.get('name') !== edit.removePolicy);
    if (isCollection(policies) && policies.items.length === 0) document.set('policies', document.createNode([]));
  }
  return document.toString({ lineWidth: 0 });
}
