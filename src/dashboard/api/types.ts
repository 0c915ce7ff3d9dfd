import type { z } from 'zod';
import type * as schemas from '../../http/admin/schemas.ts';

/** What the management API replies: the types of the schemas that its own tests compare with its replies. */

export type Session = z.infer<typeof schemas.Session>;
export type SessionList = z.infer<typeof schemas.SessionList>;
export type SessionDetail = z.infer<typeof schemas.SessionDetail>;
export type Tree = z.infer<typeof schemas.Tree>;
export type TreeNode = z.infer<typeof schemas.TreeNode>;
export type Turn = z.infer<typeof schemas.Turn>;
export type Item = NonNullable<TurnDelta['item']>;
export type Receipt = NonNullable<Turn['receipt']>;
export type SearchHit = z.infer<typeof schemas.SearchHit>;
export type SearchList = z.infer<typeof schemas.SearchList>;
export type RunningTurn = z.infer<typeof schemas.RunningTurn>;
export type RunningTurnList = z.infer<typeof schemas.RunningTurnList>;
export type FailedTurn = z.infer<typeof schemas.FailedTurn>;
export type FailedTurnList = z.infer<typeof schemas.FailedTurnList>;
export type Claw = z.infer<typeof schemas.Claw>;
export type ClawList = z.infer<typeof schemas.ClawList>;
export type ClawTest = z.infer<typeof schemas.ClawTest>;
export type ModelInfo = z.infer<typeof schemas.ModelInfo>;
export type ModelInfoList = z.infer<typeof schemas.ModelInfoList>;
export type UsageRow = z.infer<typeof schemas.UsageRow>;
export type UsageList = z.infer<typeof schemas.UsageList>;
export type TenantList = z.infer<typeof schemas.TenantList>;
export type SignIn = z.infer<typeof schemas.SignIn>;
export type AdminEvent = z.infer<typeof schemas.AdminEvent>;
export type TurnDelta = z.infer<typeof schemas.TurnDelta>;
export type Asked = z.infer<typeof schemas.Asked>;
export type Setting = z.infer<typeof schemas.Setting>;
export type SettingList = z.infer<typeof schemas.SettingList>;
