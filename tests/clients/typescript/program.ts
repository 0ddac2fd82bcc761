// What somebody writes against the generated TypeScript types. Run with the URL of the service and
// a key; ends with 0 when all came out as it should. Type-checked before it is run.

import createClient from "openapi-fetch";
import type { components, paths } from "./api.ts";

type FlowNode = components["schemas"]["FlowNode"];
type Problem = components["schemas"]["Problem"];

declare const process: { argv: string[] };
const [, , url, key] = process.argv;
const api = createClient<paths>({ baseUrl: url, headers: { "x-api-key": key } });

function assert(holds: boolean, what: unknown): asserts holds {
  if (!holds) throw new Error(JSON.stringify(what));
}

function given<T>(answer: { data?: T; error?: unknown }): T {
  assert(answer.data !== undefined, answer.error);
  return answer.data;
}

async function users(accountId: string): Promise<void> {
  const ids: string[] = [];
  for (let number = 0; number < 5; number++) {
    const made = given(await api.POST("/v1/users", { body: { username: `ts${number}` } }));
    assert(made.account_id === accountId && made.ring_strategy === "simultaneous", made);
    ids.push(made.id);
  }
  const listed = await allIds();
  assert(ids.every((id) => listed.includes(id)), listed);

  const path = { id: ids[0] };
  const read = await api.GET("/v1/users/{id}", { params: { path } });
  const etag = read.response.headers.get("etag");
  assert(etag !== null, read);
  const params = { path, header: { "If-Match": etag } };
  const body = { display_name: "Alice", fwd_busy_kind: "hangup" } as const;
  const changed = given(await api.PATCH("/v1/users/{id}", { params, body }));
  assert(changed.display_name === "Alice" && changed.version === 2, changed);
  const stale = await api.PATCH("/v1/users/{id}", { params, body });
  assert(stale.response.status === 412 && stale.error?.status === 412, stale);
  const back = given(
    await api.PATCH("/v1/users/{id}", { params: { path }, body: { fwd_busy_kind: null } }),
  );
  assert(back.fwd_busy_kind === null && back.display_name === "Alice", back);
  for (const id of ids) {
    const gone = given(await api.DELETE("/v1/users/{id}", { params: { path: { id } } }));
    assert(gone.id === id, gone);
  }
}

async function allIds(): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const query = { limit: 2, sort: "username", cursor } as const;
    const page = given(await api.GET("/v1/users", { params: { query } }));
    ids.push(...page.rows.map((row) => row.id));
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined);
  return ids;
}

async function errors(): Promise<void> {
  const wrong = await api.POST("/v1/users", { body: { username: "with a space" } });
  const problem: Problem | undefined = wrong.error;
  assert(problem?.status === 400, wrong);
  assert(problem.errors?.[0].pointer === "/username", problem);
  const missing = await api.GET("/v1/users/{id}", { params: { path: { id: "us_nobody" } } });
  assert(missing.error?.status === 404, missing);
}

async function flow(): Promise<void> {
  const nodes: FlowNode[] = [
    {
      id: "ask",
      type: "menu",
      data: { kind: "menu", maxDigits: 1, timeoutSec: 5, promptText: "Press 1" },
    },
    { id: "hello", type: "say", data: { kind: "say", text: "Hello {{from}}" } },
    { id: "bye", type: "hangup", data: { kind: "hangup" } },
  ];
  const edges = [
    { id: "e1", source: "ask", target: "hello", sourceHandle: "digit:1" },
    { id: "e2", source: "hello", target: "bye" },
  ];
  const made = given(
    await api.POST("/v1/flows", { body: { name: "Main", start: "ask", nodes, edges } }),
  );
  const read = given(await api.GET("/v1/flows/{id}", { params: { path: { id: made.id } } }));
  const menu = read.nodes[0].data;
  // `kind` tells the union apart
  assert(menu.kind === "menu" && menu.promptText === "Press 1", menu);
}

const who = given(await api.GET("/v1/whoami"));
await users(who.accountId);
await errors();
await flow();
