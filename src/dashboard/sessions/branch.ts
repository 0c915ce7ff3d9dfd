import type { Tree, TreeNode } from '../api/types.ts';

/** The tree of a session's turns, to walk on. */
export class Branches {
  private readonly nodes: ReadonlyMap<string, TreeNode>;
  private readonly below = new Map<string | null, TreeNode[]>();

  constructor(private readonly tree: Tree) {
    this.nodes = new Map(tree.turns.map((node) => [node.id, node]));
    for (const node of tree.turns) {
      if (node.deleted) continue;
      const siblings = this.below.get(node.parent);
      if (siblings) siblings.push(node);
      else this.below.set(node.parent, [node]);
    }
  }

  has(id: string): boolean {
    return this.nodes.has(id);
  }

  /** The turns with the same parent, in the order of their times; a turn alone has no others. */
  siblings(id: string): readonly TreeNode[] {
    const node = this.nodes.get(id);
    return node ? (this.below.get(node.parent) ?? []) : [];
  }

  /** The branch through a turn, from its root: to the head where it leads there, else to its latest turn. */
  through(id: string | undefined): string[] {
    const start = id !== undefined && this.nodes.has(id) ? id : this.tree.head;
    const head = this.pathTo(this.tree.head);
    if (start === null) return this.pathTo(this.tree.turns.findLast(({ deleted }) => !deleted)?.id ?? null);
    return head.includes(start) ? head : this.pathTo(this.tipBelow(start));
  }

  private pathTo(tip: string | null): string[] {
    const path: string[] = [];
    for (let node = this.node(tip); node; node = this.node(node.parent)) path.push(node.id);
    return path.reverse();
  }

  private node(id: string | null): TreeNode | undefined {
    return id === null ? undefined : this.nodes.get(id);
  }

  private tipBelow(id: string): string {
    let tip = id;
    for (let next = this.below.get(tip)?.at(-1); next; next = this.below.get(tip)?.at(-1)) tip = next.id;
    return tip;
  }
}
