import type { z } from 'zod';
import type * as gateway from '../../http/admin/gateway-schemas.ts';
import type * as sessions from '../../http/admin/session-schemas.ts';

/** What the management API replies: the types of the schemas that its own tests compare with its replies. */

export type Session = z.infer<typeof sessions.Session>;
export type SessionList = z.infer<typeof sessions.SessionList>;
export type SessionDetail = z.infer<typeof sessions.SessionDetail>;
export type Tree = z.infer<typeof sessions.Tree>;
export type TreeNode = z.infer<typeof sessions.TreeNode>;
export type Turn = z.infer<typeof sessions.Turn>;
export type Item = NonNullable<TurnDelta['item']>;
export type Receipt = NonNullable<Turn['receipt']>;
export type SearchHit = z.infer<typeof sessions.SearchHit>;
export type SearchList = z.infer<typeof sessions.SearchList>;
export type RunningTurn = z.infer<typeof sessions.RunningTurn>;
export type RunningTurnList = z.infer<typeof sessions.RunningTurnList>;
export type FailedTurn = z.infer<typeof sessions.FailedTurn>;
export type FailedTurnList = z.infer<typeof sessions.FailedTurnList>;
export type Claw = z.infer<typeof gateway.Claw>;
export type ClawList = z.infer<typeof gateway.ClawList>;
export type ClawTest = z.infer<typeof gateway.ClawTest>;
export type ModelInfo = z.infer<typeof gateway.ModelInfo>;
export type ModelInfoList = z.infer<typeof gateway.ModelInfoList>;
export type UsageRow = z.infer<typeof gateway.UsageRow>;
export type UsageList = z.infer<typeof gateway.UsageList>;
export type TenantList = z.infer<typeof gateway.TenantList>;
export type SignIn = z.infer<typeof gateway.SignIn>;
export type AdminEvent = z.infer<typeof gateway.AdminEvent>;
export type TurnDelta = z.infer<typeof sessions.TurnDelta>;
export type Asked = z.infer<typeof sessions.Asked>;
export type Setting = z.infer<typeof gateway.Setting>;
export type SettingList = z.infer<typeof gateway.SettingList>;
