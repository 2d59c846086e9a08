// Types of the API, made from docs/openapi.yaml by `manage.py openapi_types`; do not edit.
// Times are ISO 8601 texts with an offset, money and rates decimal texts, points whole numbers.

export type ActionEnum = "confirm" | "cancel";

/** A correction, up or down; never below what is held. */
export interface AdjustInputRequest {
  points: number;
  reason: string;
}

/** Active members, and how many of them carry the card in a wallet: none as long as no pass is given out. */
export interface AdoptionOutput {
  members: number;
  passes: number;
}

/** `acknowledged` unless it says `dismissed`, or `active` to have it back. */
export interface AnswerInputRequest {
  status?: AnswerInputStatusEnum;
}

export type AnswerInputStatusEnum = "active" | "acknowledged" | "dismissed";

/** The entry that this one answers. */
export interface Answered {
  entryId: string;
  entryType: EntryType;
  amount: number;
  occurredAt: string;
}

/** A later refund, void, undone run or restore of this entry. */
export interface AnsweredBy {
  entryId: string;
  entryType: EntryType;
  amount: number;
  occurredAt: string;
  kind: string | null;
  description: string;
}

/** What was asked for; null where nothing was. */
export interface AppliedFilters {
  includeLedger: boolean;
  includeRedemptions: boolean;
  includeReferrals: boolean;
  includeNudges: boolean;
  includeGuardrails: boolean;
  ledgerTypes: string[] | null;
  redemptionStatuses: string[] | null;
  referralStatuses: string[] | null;
  nudgeStatuses: string[] | null;
  guardrailScopes: string[] | null;
  referralCode: string | null;
  campaignSlug: string | null;
  checkoutOrderId: string | null;
}

/** Operations a till has queued. Each is checked by itself: a bad one does not keep the others back. */
export interface BatchInputRequest {
  operations: (unknown | null)[];
}

/** One result for each operation, in their order. */
export interface BatchOutput {
  results: BatchResult[];
}

/** What became of one operation: the status and body it would have had alone, or the problem. */
export interface BatchResult {
  clientId: string | null;
  op: string | null;
  status: number;
  replayed: boolean;
  result: Record<string, unknown> | null;
  problem: Record<string, unknown> | null;
}

/** A merchant's books: balance = entries = dated + undated, held = openRedemptions, and what differs by member. */
export interface BooksOutput {
  merchant: string;
  isBalanced: boolean;
  members: number;
  balance: number;
  entries: number;
  dated: number;
  undated: number;
  held: number;
  openRedemptions: number;
  differences: DifferenceOutput[];
  /** False where there are more differences than are listed. */
  isComplete: boolean;
}

/** What went into the points of a purchase; the multiplier is of the tier held before it. */
export interface Calculation {
  amount: string | null;
  currency: string | null;
  rate: string | null;
  multiplier: string | null;
  tier: string | null;
  minimumPurchase: string | null;
  cap: Cap | null;
}

/** Why it is not wanted any more. */
export interface CancelInputRequest {
  reason?: string;
  metadata?: unknown;
}

/** Why, in the member's words. */
export interface CancelInviteInputRequest {
  reason?: string | null;
}

/** The cap that cut the points: of an order or a day, what it left, and what it would have been without. */
export interface Cap {
  of: string;
  left: number;
  before: number;
}

/** A card: one person's membership, their points and stamps. Texts that are unknown are empty. */
export interface Card {
  id: string;
  cardNumber: string;
  qrPayload: string;
  walletLinks: WalletLinks;
  userId: string;
  externalRef: string;
  firstName: string;
  lastName: string;
  email: string;
  phone: string;
  locale: string;
  marketingConsent: boolean;
  isActive: boolean;
  enrolledAt: string | null;
  tier: string | null;
  pointsBalance: number;
  pointsOnHold: number;
  availablePoints: number;
  lifetimePoints: number;
  stampCount: number;
  stampsTarget: number;
  rewardsReady: number;
  referralCode: string;
}

/** An intent in words, in the member's language. `metadata` has `ctaHref` and `intentStatus` besides. */
export interface CardOutput {
  id: string;
  kind: IntentKind;
  headline: string;
  description: string;
  ctaLabel: string;
  createdAt: string;
  expiresAt: string;
  metadata: Record<string, unknown>;
}

/** Something the program gives for points. */
export interface CatalogueReward {
  id: string;
  slug: string;
  name: string;
  description: string;
  costPoints: number;
  isActive: boolean;
}

/** A level of the program. */
export interface CatalogueTier {
  id: string;
  slug: string;
  name: string;
  description: string;
  pointThreshold: number;
  benefits: string[];
  isActive: boolean;
}

/** Which ways are open. One that has no address, number or token is skipped all the same. */
export interface Channels {
  email: boolean;
  sms: boolean;
  push: boolean;
}

export type ChannelsEnum = "email" | "sms" | "push";

/** Which ways are open. */
export interface ChannelsInputRequest {
  email?: boolean;
  sms?: boolean;
  push?: boolean;
}

/** The intents of an order. `orderId` of an intent, where it is given, is that of the order. */
export interface CheckoutInputRequest {
  orderId: string;
  userId: string;
  action?: ActionEnum;
  intents: IntentInputRequest[];
}

/** The intents that stand, cards of those that wait, and the intents that do not stand. */
export interface CheckoutOutput {
  intents: IntentOutput[];
  cards: CardOutput[];
  rejected: RejectedIntent[];
}

export type CodeEnum = "below_minimum" | "cap_reached" | "less_than_a_point";

/** Who came with which code, and the order that made it count. */
export interface CompleteInputRequest {
  code: string;
  inviteeUserId: string;
  orderReference?: string;
  orderAmount?: string;
}

/** An invite, and when it last changed. */
export interface ConversionOutput {
  id: string;
  code: string;
  status: InviteStatus;
  rewardPoints: number;
  inviteeEmail: string | null;
  createdAt: string;
  updatedAt: string;
  completedAt: string | null;
}

/** Invites, newest first. `convertedPoints` were credited to the member; `lastActivity` is of the latest change. */
export interface ConversionPage {
  invites: ConversionOutput[];
  nextCursor: string | null;
  statusCounts: StatusCounts;
  convertedPoints: number;
  lastActivity: string | null;
}

/** issued - redeemed - expired + corrected is what balances moved by. */
export interface DayOutput {
  transactions: number;
  enrolments: number;
  pointsIssued: number;
  pointsRedeemed: number;
  pointsExpired: number;
  pointsCorrected: number;
  stamps: number;
  stampCardsRedeemed: number;
  redemptionRatio: number | null;
  day: string;
}

/** One figure of one member that does not say what the ledger says. */
export interface DifferenceOutput {
  memberId: string;
  cardNumber: string;
  check: string;
  kept: number;
  ledger: number;
}

export type DowngradePolicy = "never" | "one_down" | "by_balance";

/** A purchase. `orderReference` is unique per merchant; tills whose numbers repeat prefix them with the store. */
export interface EarnInputRequest {
  amount: string;
  currency?: string;
  orderReference: string;
  occurredAt?: string;
  items?: unknown;
}

/** A person. `email`, `phone` (with + and country) or `externalRef` says who it is; give one at least. */
export interface EnrollInputRequest {
  email?: string;
  phone?: string;
  externalRef?: string;
  firstName?: string;
  lastName?: string;
  locale?: string;
  birthDate?: string;
  marketingConsent?: boolean;
}

/** A ledger entry. Points and stamps are signed; balances are those after it. */
export interface Entry {
  id: string;
  number: number;
  entryType: EntryType;
  points: number;
  pointsBalance: number;
  stamps: number;
  stampCount: number;
  requested: number | null;
  shortfall: number;
  orderReference: string | null;
  answers: string | null;
  description: string;
  metadata: Record<string, unknown>;
  occurredAt: string;
}

/** Entries, newest first; `nextCursor` leads on, and is null at the end. */
export interface EntryPage {
  transactions: Entry[];
  nextCursor: string | null;
}

export type EntryType = "earn" | "welcome_bonus" | "referral_bonus" | "tier_bonus" | "redeem" | "points_expired" | "admin_adjustment" | "refund" | "undo" | "stamp_earned" | "stamp_redeemed" | "stamp_voided";

/** The request, as it was noted, and when it will have been done at the latest. */
export interface ErasureOutput {
  id: string;
  requestedAt: string;
  dueAt: string;
}

/** The next expiry by inactivity after this entry; it took whatever was left. */
export interface ExpiredBy {
  entryId: string;
  entryType: EntryType;
  amount: number;
  occurredAt: string;
}

/** Points that will expire, of one credit; or all that is available, where the member stays away until then. */
export interface ExpiringPoints {
  expiresAt: string;
  points: number;
  remainingPoints: number;
  status: string;
}

/** Whose points, and as of when: now, where it is left out. */
export interface ExpiryInputRequest {
  merchant: string;
  asOf?: string;
}

export type ExpiryPolicy = "none" | "inactivity" | "lots" | "both";

/** What a run would take and whom it would warn. `warned` and `unwarned` of the due members were warned or not. */
export interface ExpiryPreviewOutput {
  merchant: string;
  asOf: string;
  members: number;
  points: number;
  lots: number;
  warned: number;
  unwarned: number;
  toWarn: number;
  tiers: TierPreviewOutput[];
}

/** Why the entry is what it is. `kept` is what a purchase keeps of its points now; null for other entries. */
export interface ExplanationOutput {
  entry: LedgerLine;
  orderReference: string | null;
  rule: string;
  calculation: Calculation | null;
  nothingFor: NothingFor | null;
  requested: number | null;
  shortfall: number;
  kept: number | null;
  lot: MadeLot | null;
  takenFrom: TakenLot[];
  takenUndated: number;
  usedBy: UsedBy[];
  expiredBy: ExpiredBy | null;
  hold: FulfilledHold | null;
  answers: Answered | null;
  answeredBy: AnsweredBy[];
}

/** All that is stored of a person at one merchant: rows by table. */
export interface ExportOutput {
  exportedAt: string;
  tables: Record<string, (Record<string, unknown>)[]>;
}

/** Why it could not be fulfilled. */
export interface FailInputRequest {
  reason: string;
  metadata?: unknown;
}

/** What the member's ledger says of it. */
export interface FulfillInputRequest {
  description?: string;
  metadata?: unknown;
}

/** The redemption whose hold the entry spent. */
export interface FulfilledHold {
  id: string;
  status: RedemptionStatus;
  pointsCost: number;
  requestedAt: string;
  fulfilledAt: string | null;
}

export type GuardrailScope = "invite_quota" | "invite_cooldown" | "global_throttle";

/** The limits, how near members are to them, and the latest hundred overrides, newest first. `cooldownUntil` is when nobody has to wait any more; null where nobody has to. */
export interface GuardrailsOutput {
  inviteQuota: number;
  totalActiveInvites: number;
  membersAtQuota: number;
  cooldownSeconds: number;
  cooldownRemainingSeconds: number;
  cooldownUntil: string | null;
  throttleOverrideActive: boolean;
  overrides: OverrideOutput[];
}

/** One intent, by its id at the checkout, unique per member. A redemption is of a reward, or of points in all. */
export interface IntentInputRequest {
  id: string;
  kind: IntentKind;
  createdAt: string;
  rewardSlug?: string;
  rewardName?: string;
  pointsCost?: number;
  quantity?: number;
  referralCode?: string;
  channel?: string;
  orderId?: string;
  expiresAt?: string;
  metadata?: unknown;
}

export type IntentKind = "redemption" | "referral_share";

/** An intent. `metadata` has `clientIntentId`, and `redemptionId` or `referralCode`. */
export interface IntentOutput {
  id: string;
  clientIntentId: string;
  kind: IntentKind;
  status: IntentStatus;
  orderId: string;
  channel: string | null;
  createdAt: string;
  expiresAt: string;
  resolvedAt: string | null;
  metadata: Record<string, unknown>;
}

export type IntentStatus = "pending" | "resolved" | "cancelled";

/** Whom to write to; without an address the member sends the link themselves. */
export interface InviteInputRequest {
  inviteeEmail?: string | null;
  metadata?: unknown;
}

/** An invite; `completedAt` is when the invitee became a customer by it. */
export interface InviteOutput {
  id: string;
  code: string;
  status: InviteStatus;
  rewardPoints: number;
  inviteeEmail: string | null;
  createdAt: string;
  expiresAt: string;
  completedAt: string | null;
}

export type InviteStatus = "draft" | "sent" | "converted" | "expired" | "cancelled";

/** A scheduled job, its last run for every merchant, and how long ago it went well. Times are UTC. Counts and errors are those of every merchant together, and the platform's to see. */
export interface JobOutput {
  job: string;
  /** A cron expression. */
  schedule: string;
  nextRunAt: string | null;
  runId: string | null;
  startedAt: string | null;
  finishedAt: string | null;
  status: string | null;
  seconds: number | null;
  counts: Record<string, unknown> | null;
  error: string | null;
  lastSuccessAt: string | null;
  secondsSinceSuccess: number | null;
}

/** Every job of the schedules. */
export interface JobsOutput {
  jobs: JobOutput[];
}

/** A key of a merchant; one with the scope `store` belongs to a store, named by its id. */
export interface KeyInputRequest {
  merchant: string;
  storeId?: string | null;
  name: string;
  scopes: KeyScope[];
  expiresAt?: string | null;
}

/** A key without its text. */
export interface KeyOutput {
  readonly id: string;
  merchant: string;
  storeId: string | null;
  /** Where it is used, such as “till 2”. */
  name: string;
  beginsWith: string;
  scopes: KeyScope[];
  expiresAt?: string | null;
  readonly revokedAt: string | null;
  readonly lastUsedAt: string | null;
  replaces: string | null;
  readonly createdAt: string;
}

/** A page of keys. */
export interface KeyPage {
  keys: KeyOutput[];
  /** Null at the end. */
  nextCursor: string | null;
}

export type KeyScope = "store" | "member_tokens" | "checkout" | "operator";

/** Which kinds of message come. */
export interface Kinds {
  transactional: boolean;
  marketingMessages: boolean;
}

/** Which kinds are wanted. Transactional messages always come, so the only value taken there is true. */
export interface KindsInputRequest {
  transactional?: boolean;
  marketingMessages?: boolean;
}

/** An entry of the member's ledger. `amount` is points, signed, the same as `balanceDelta`; 0 for stamps, whose number and sum stand in `metadata` as `stamps_delta` and `stamps_balance_after`. */
export interface LedgerLine {
  id: string;
  occurredAt: string;
  entryType: EntryType;
  amount: number;
  description: string;
  balanceBefore: number;
  balanceAfter: number;
  balanceDelta: number;
  checkoutIntentId: string | null;
  checkoutOrderId: string | null;
  metadata: Record<string, unknown>;
}

/** Entries, newest first; `nextCursor` leads on, and is null at the end. */
export interface LedgerPage {
  entries: LedgerLine[];
  nextCursor: string | null;
}

/** Unspent points of a program now, and their value in its currency. */
export interface LiabilityOutput {
  programId: string;
  currency: string;
  points: number;
  value: string;
  byMonth: MonthOutput[];
}

export type LotStatusEnum = "scheduled" | "consumed" | "expired" | "cancelled";

/** The dated points the entry brought, and what is left and held of them. */
export interface MadeLot {
  id: string;
  points: number;
  remainingPoints: number;
  heldPoints: number;
  expiresAt: string;
  lotStatus: LotStatusEnum;
}

/** All that is stored of the member: rows by table. */
export interface MemberExport {
  exportedAt: string;
  tables: Record<string, (Record<string, unknown>)[]>;
}

/** An override as a member sees it, in the timeline. */
export interface MemberOverrideOutput {
  id: string;
  scope: GuardrailScope;
  justification: string;
  targetMemberId: string | null;
  createdAt: string;
  expiresAt: string | null;
  revokedAt: string | null;
  isActive: boolean;
}

/** A member: points, tier (by slug), the way to the next one (0 to 1), and the five that expire soonest. */
export interface MemberOverview {
  id: string;
  userId: string;
  currentTier: string | null;
  nextTier: string | null;
  pointsBalance: number;
  pointsOnHold: number;
  availablePoints: number;
  lifetimePoints: number;
  progressToNextTier: number;
  referralCode: string;
  upcomingBenefits: string[];
  expiringPoints: ExpiringPoints[];
}

/** A token for the storefront's signed-in customer; `Authorization: Bearer <token>` at the member door. */
export interface MemberToken {
  token: string;
  expiresAt: string;
  userId: string;
}

/** Whom the token is for: the storefront's UUID of its customer, or the card. */
export interface MemberTokenInputRequest {
  userId?: string;
  cardNumber?: string;
}

/** `activeMembers`: those with a visit in the period. `stampCompletion`: of the members who got a stamp, those whose card was full. `retentionMonth3`: of the members whose third calendar month after that of their first visit ended in the period, those who came in it. */
export interface MerchantMovesOutput {
  transactions: number;
  enrolments: number;
  pointsIssued: number;
  pointsRedeemed: number;
  pointsExpired: number;
  pointsCorrected: number;
  stamps: number;
  stampCardsRedeemed: number;
  redemptionRatio: number | null;
  merchant: string;
  activeMembers: number;
  stampCompletion: ShareOutput;
  retentionMonth3: ShareOutput;
  walletAdoption: AdoptionOutput;
  liability: LiabilityOutput[];
}

/** Points that expire in a month (YYYY-MM) as things stand; null is without a date. */
export interface MonthOutput {
  month: string | null;
  points: number;
  value: string;
}

/** issued - redeemed - expired + corrected is what balances moved by. */
export interface MovesOutput {
  transactions: number;
  enrolments: number;
  pointsIssued: number;
  pointsRedeemed: number;
  pointsExpired: number;
  pointsCorrected: number;
  stamps: number;
  stampCardsRedeemed: number;
  redemptionRatio: number | null;
}

/** A new key. `key` is its text, shown in this answer alone: a repeated request gets null. */
export interface NewKeyOutput {
  key: string | null;
  readonly id: string;
  merchant: string;
  storeId: string | null;
  /** Where it is used, such as “till 2”. */
  name: string;
  beginsWith: string;
  scopes: KeyScope[];
  expiresAt?: string | null;
  readonly revokedAt: string | null;
  readonly lastUsedAt: string | null;
  replaces: string | null;
  readonly createdAt: string;
}

/** What waits, oldest first. */
export interface NextActions {
  intents: IntentOutput[];
  cards: CardOutput[];
}

/** Why a purchase earned nothing. */
export interface NothingFor {
  code: CodeEnum;
  detail: string;
}

/** Nudges, in the order to show them. */
export interface NudgeList {
  nudges: NudgeOutput[];
}

/** A nudge in the member's language. The field list is complete. */
export interface NudgeOutput {
  id: string;
  nudgeType: NudgeTypeEnum;
  headline: string;
  body: string;
  ctaLabel: string;
  ctaHref: string;
  expiresAt: string;
  priority: number;
  metadata: Record<string, unknown>;
  campaignSlug: string;
  channels: ChannelsEnum[];
  status: NudgeOutputStatusEnum;
  lastTriggeredAt: string;
  acknowledgedAt: string | null;
  dismissedAt: string | null;
}

export type NudgeOutputStatusEnum = "active" | "acknowledged" | "dismissed" | "expired";

export type NudgeTypeEnum = "expiring_points" | "checkout_reminder" | "redemption_follow_up";

/** As a member's invite, and what it gives; without `rewardPoints` the program's rule counts. */
export interface OperatorInviteInputRequest {
  inviteeEmail?: string | null;
  rewardPoints?: number;
  metadata?: unknown;
}

/** An exception from the limits, for one member or for all, until it expires or another takes its place. */
export interface OverrideInputRequest {
  scope: GuardrailScope;
  justification: string;
  targetMemberId?: string | null;
  actorUserId?: string | null;
  expiresAt?: string | null;
  metadata?: unknown;
}

/** An exception from the limits; without `targetMemberId` it is for all members. */
export interface OverrideOutput {
  id: string;
  scope: GuardrailScope;
  justification: string;
  metadata: Record<string, unknown>;
  targetMemberId: string | null;
  createdByUserId: string | null;
  createdAt: string;
  expiresAt: string | null;
  revokedAt: string | null;
  isActive: boolean;
}

/** Where the key is used. */
export interface PatchedKeyChangeInputRequest {
  name?: string;
}

/** The rules of a program; those left out stay as they are. */
export interface PatchedProgramChangeInputRequest {
  name?: string;
  isActive?: boolean;
  /** ISO 4217, such as EUR. Purchases in another currency are refused. */
  currency?: string;
  locale?: string;
  timeZone?: string;
  /** In the program's currency; the console's liability is counted with it. */
  pointValue?: string;
  pointsPerUnit?: string;
  /** Smaller purchases earn nothing. */
  minimumPurchase?: string;
  maxPointsPerOrder?: number | null;
  maxPointsPerDay?: number | null;
  welcomeBonus?: number;
  /** Who joins on the page of their own accord is a member once they follow a link in a mail. */
  doubleOptIn?: boolean;
  stampsTarget?: number;
  minutesBetweenStamps?: number;
  stampsPerDay?: number | null;
  expiryPolicy?: ExpiryPolicy;
  pointsExpirationDays?: number;
  pointsValidDays?: number;
  /** At most half of the policy's days are used. */
  expirationWarningDays?: number;
  /** A member who is due but was never warned is warned first, and expires in the first run after the days of warning. */
  warnBeforeExpiring?: boolean;
  /** Older holds are released every hour. */
  holdDays?: number;
  voidHours?: number;
  tierBasis?: TierBasis;
  downgradePolicy?: DowngradePolicy;
  downgradeWarningDays?: number;
  /** Rules under which points expire sooner are refused with 409 `expiry_would_shorten`, which says in `members`, `points` and `unwarned` what the run at `night` would take. Sent again with true, they stand. */
  confirmShorterExpiry?: boolean;
}

/** Something the program gives for points; fields left out stay as they are. */
export interface PatchedRewardChangeInputRequest {
  slug?: string;
  name?: string;
  description?: string;
  costPoints?: number;
  kind?: RewardKind;
  /** Of a product: what the till knows it by. */
  sku?: string;
  /** What whoever gets it should know; of something in words, the words. */
  instructions?: string;
  startsAt?: string | null;
  endsAt?: string | null;
  /** Empty: as many as are asked for. */
  stock?: number | null;
  limitPerMember?: number | null;
  minimumTierId?: string | null;
  isActive?: boolean;
}

/** A shop, a till or a web shop; fields left out stay as they are. */
export interface PatchedStoreChangeInputRequest {
  /** The merchant's own name or number of this store. */
  reference?: string;
  name?: string;
  isActive?: boolean;
}

/** A level of a program; fields left out stay as they are. */
export interface PatchedTierChangeInputRequest {
  slug?: string;
  name?: string;
  description?: string;
  pointThreshold?: number;
  /** Points earned while in this tier are multiplied by it. */
  multiplier?: string;
  benefits?: string[];
  isActive?: boolean;
}

/** The person as this merchant knows them; empty texts are unknown. */
export interface PersonOutput {
  userId: string;
  externalRef: string;
  firstName: string;
  lastName: string;
  email: string;
  phone: string;
  locale: string;
  timeZone: string;
  birthDate: string | null;
  marketingConsent: boolean;
  anonymizedAt: string | null;
}

/** What changes; what is left out stays as it is. null takes quiet hours, a phone, token or language away. */
export interface PreferencesInputRequest {
  channels?: ChannelsInputRequest;
  kinds?: KindsInputRequest;
  language?: string | null;
  quietHours?: QuietHoursInputRequest | null;
  phone?: string | null;
  pushToken?: string | null;
}

/** How the member wants to hear from the merchant. `language` is null where the program's is used. */
export interface PreferencesOutput {
  channels: Channels;
  kinds: Kinds;
  language: string | null;
  quietHours: QuietHours | null;
  phone: string | null;
  pushToken: string | null;
}

/** What the purchase would earn now, and why: the rule, its rate, multiplier and caps. */
export interface Preview {
  points: number;
  why: Record<string, unknown>;
}

/** A purchase that may come. */
export interface PreviewInputRequest {
  amount: string;
  currency?: string;
}

/** RFC 9457 problem details. `code` is stable; `detail` is for people. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  errors: ProblemError[];
  requestId: string | null;
}

/** One thing that is wrong; `attr` names the field. */
export interface ProblemError {
  code: string;
  detail: string;
  attr: string | null;
}

/** A new program of a merchant; rules left out have their defaults. */
export interface ProgramInputRequest {
  merchant: string;
  name: string;
  isActive?: boolean;
  /** ISO 4217, such as EUR. Purchases in another currency are refused. */
  currency: string;
  locale?: string;
  timeZone?: string;
  /** In the program's currency; the console's liability is counted with it. */
  pointValue?: string;
  pointsPerUnit?: string;
  /** Smaller purchases earn nothing. */
  minimumPurchase?: string;
  maxPointsPerOrder?: number | null;
  maxPointsPerDay?: number | null;
  welcomeBonus?: number;
  /** Who joins on the page of their own accord is a member once they follow a link in a mail. */
  doubleOptIn?: boolean;
  stampsTarget?: number;
  minutesBetweenStamps?: number;
  stampsPerDay?: number | null;
  expiryPolicy?: ExpiryPolicy;
  pointsExpirationDays?: number;
  pointsValidDays?: number;
  /** At most half of the policy's days are used. */
  expirationWarningDays?: number;
  /** A member who is due but was never warned is warned first, and expires in the first run after the days of warning. */
  warnBeforeExpiring?: boolean;
  /** Older holds are released every hour. */
  holdDays?: number;
  voidHours?: number;
  tierBasis?: TierBasis;
  downgradePolicy?: DowngradePolicy;
  downgradeWarningDays?: number;
}

/** A program and its rules. */
export interface ProgramOutput {
  readonly id: string;
  merchant: string;
  name: string;
  isActive?: boolean;
  /** ISO 4217, such as EUR. Purchases in another currency are refused. */
  currency: string;
  locale?: string;
  timeZone?: string;
  /** In the program's currency; the console's liability is counted with it. */
  pointValue?: string;
  pointsPerUnit?: string;
  /** Smaller purchases earn nothing. */
  minimumPurchase?: string;
  maxPointsPerOrder?: number | null;
  maxPointsPerDay?: number | null;
  welcomeBonus?: number;
  /** Who joins on the page of their own accord is a member once they follow a link in a mail. */
  doubleOptIn?: boolean;
  stampsTarget?: number;
  minutesBetweenStamps?: number;
  stampsPerDay?: number | null;
  expiryPolicy?: ExpiryPolicy;
  pointsExpirationDays?: number;
  pointsValidDays?: number;
  /** At most half of the policy's days are used. */
  expirationWarningDays?: number;
  /** A member who is due but was never warned is warned first, and expires in the first run after the days of warning. */
  warnBeforeExpiring?: boolean;
  /** Older holds are released every hour. */
  holdDays?: number;
  voidHours?: number;
  tierBasis?: TierBasis;
  downgradePolicy?: DowngradePolicy;
  downgradeWarningDays?: number;
  readonly createdAt: string;
}

/** A page of programs. */
export interface ProgramPage {
  programs: ProgramOutput[];
  /** Null at the end. */
  nextCursor: string | null;
}

/** The `applicationServerKey` of `PushManager.subscribe`; null where pushes to browsers are off. */
export interface PushKeyOutput {
  publicKey: string | null;
}

/** When marketing messages wait, by the member's own clock. */
export interface QuietHours {
  from: string;
  until: string;
  timeZone: string;
}

/** When marketing messages wait, by the member's own clock: `from` and `until` as HH:MM. They may pass midnight. */
export interface QuietHoursInputRequest {
  from: string;
  until: string;
  timeZone?: string;
}

/** Whether every figure kept beside the ledger agrees with it. */
export interface ReconciliationOutput {
  isBalanced: boolean;
  merchants: BooksOutput[];
}

/** Points to spend, or the reward to spend them on. */
export interface RedeemInputRequest {
  points?: number;
  rewardSlug?: string;
  orderReference: string;
  occurredAt?: string;
}

/** A reward, or points in all, for a member. Where both are given, the reward counts. */
export interface RedemptionInputRequest {
  rewardSlug?: string;
  pointsCost?: number;
  quantity?: number;
  metadata?: unknown;
}

/** A redemption; `pointsCost` is the total. `failureReason` says why it came to nothing, where somebody said. */
export interface RedemptionOutput {
  id: string;
  memberId: string;
  rewardId: string | null;
  status: RedemptionStatus;
  pointsCost: number;
  quantity: number;
  requestedAt: string;
  fulfilledAt: string | null;
  cancelledAt: string | null;
  failureReason: string | null;
}

/** Redemptions, newest first; `pendingCount` counts those that are open, whatever was asked for. */
export interface RedemptionPage {
  redemptions: RedemptionOutput[];
  nextCursor: string | null;
  pendingCount: number;
}

export type RedemptionStatus = "requested" | "fulfilled" | "failed" | "cancelled";

/** A refund: `taken` points went, `shortfall` were asked for and not there; they are not owed. */
export interface Refund {
  id: string;
  number: number;
  entryType: EntryType;
  points: number;
  pointsBalance: number;
  stamps: number;
  stampCount: number;
  requested: number | null;
  shortfall: number;
  orderReference: string | null;
  answers: string | null;
  description: string;
  metadata: Record<string, unknown>;
  occurredAt: string;
  taken: number;
}

/** Money given back. With the order's reference its points are taken back, else those of the amount. */
export interface RefundInputRequest {
  amount: string;
  currency?: string;
  refundReference: string;
  orderReference?: string;
  occurredAt?: string;
}

/** An intent that could not be applied, by its id at the checkout. */
export interface RejectedIntent {
  id: string;
  code: string;
  detail: string;
}

/** Why there is a new card. */
export interface ReplaceInputRequest {
  reason: string;
}

/** `resolved` unless it says `cancelled`, which also lets go of what is held. */
export interface ResolveInputRequest {
  status?: ResolveInputStatusEnum;
}

export type ResolveInputStatusEnum = "resolved" | "cancelled";

/** Points to give back; with `entryId`, out of what that expiry took. */
export interface RestoreInputRequest {
  points: number;
  reason: string;
  entryId?: string;
}

/** A new reward of a program. */
export interface RewardInputRequest {
  programId: string;
  slug: string;
  name: string;
  description?: string;
  costPoints: number;
  kind?: RewardKind;
  /** Of a product: what the till knows it by. */
  sku?: string;
  /** What whoever gets it should know; of something in words, the words. */
  instructions?: string;
  startsAt?: string | null;
  endsAt?: string | null;
  /** Empty: as many as are asked for. */
  stock?: number | null;
  limitPerMember?: number | null;
  minimumTierId?: string | null;
  isActive?: boolean;
}

export type RewardKind = "discount_code" | "product" | "free_text";

/** How long the old key lives on: time to bring the new one to the tills. */
export interface RotateInputRequest {
  overlapHours?: number;
}

/** A run, with what it moved and the runs that undid it. */
export interface RunDetailOutput {
  id: string;
  job: string;
  merchant: string | null;
  trigger: RunTrigger;
  actorId: string | null;
  status: RunStatus;
  asOf: string | null;
  undoes: string | null;
  /** While it is queued: when it was asked for. */
  startedAt: string;
  finishedAt: string | null;
  counts: Record<string, unknown> | null;
  error: string | null;
  moved: RunMovedOutput;
  undoneBy: string[];
}

/** What the run's entries add up to at the user's merchants. */
export interface RunMovedOutput {
  entries: number;
  members: number;
  pointsGiven: number;
  pointsTaken: number;
}

/** A run. One that works for every merchant has `merchant` null, and its counts are the platform's to see. */
export interface RunOutput {
  id: string;
  job: string;
  merchant: string | null;
  trigger: RunTrigger;
  actorId: string | null;
  status: RunStatus;
  asOf: string | null;
  undoes: string | null;
  /** While it is queued: when it was asked for. */
  startedAt: string;
  finishedAt: string | null;
  counts: Record<string, unknown> | null;
  error: string | null;
}

/** A page of runs. */
export interface RunPage {
  runs: RunOutput[];
  /** Null at the end. */
  nextCursor: string | null;
}

export type RunStatus = "queued" | "running" | "succeeded" | "failed" | "partial";

export type RunTrigger = "schedule" | "command" | "admin";

/** Averages are of the window, over the members of the segment. */
export interface SegmentOutput {
  slug: SlugEnum;
  label: string;
  memberCount: number;
  averageInvitesPerMember: number;
  averageConversionsPerMember: number;
  averagePointsEarnedPerMember: number;
}

/** Members by when they last did something, as of `computedAt`; `inactive` alone where there is nobody. */
export interface SegmentsOutput {
  computedAt: string;
  windowDays: number;
  segments: SegmentOutput[];
}

/** `those` of so many `of`; the ratio is null where there is nobody. */
export interface ShareOutput {
  of: number;
  those: number;
  ratio: number | null;
}

export type SlugEnum = "active" | "stalled" | "at-risk" | "inactive";

/** Points that were spent: the redemption and its ledger entry. */
export interface Spent {
  id: string;
  status: RedemptionStatus;
  pointsCost: number;
  quantity: number;
  rewardSlug: string | null;
  orderReference: string | null;
  requestedAt: string;
  fulfilledAt: string | null;
  entry: Entry | null;
}

/** A card: one member of one program. */
export interface StaffCardOutput {
  id: string;
  merchant: string;
  programId: string;
  cardNumber: string;
  person: PersonOutput;
  pointsBalance: number;
  pointsOnHold: number;
  availablePoints: number;
  lifetimePoints: number;
  stampCount: number;
  tier?: string | null;
  referralCode: string;
  isActive: boolean;
  enrolledAt: string | null;
  lastActivityAt: string;
  lastExpirationWarningAt: string | null;
  createdAt: string;
}

/** A page of cards. */
export interface StaffCardPage {
  cards: StaffCardOutput[];
  /** Null at the end. */
  nextCursor: string | null;
}

/** A ledger entry. Points and stamps are signed; balances are those after it. */
export interface StaffEntryOutput {
  id: string;
  number: number;
  entryType: EntryType;
  points: number;
  pointsBalance: number;
  stamps: number;
  stampCount: number;
  requested: number | null;
  shortfall: number;
  orderReference: string | null;
  answers: string | null;
  description: string;
  metadata: Record<string, unknown>;
  occurredAt: string;
  storeId: string | null;
  actorId: string | null;
  runId: string | null;
}

/** A page of entries. */
export interface StaffEntryPage {
  entries: StaffEntryOutput[];
  /** Null at the end. */
  nextCursor: string | null;
}

/** Why the member needs another card. */
export interface StaffReplaceInputRequest {
  reason: string;
}

/** A reward of a program. `stock` is what is left; `codesLeft` is of its pool, null where it gives no codes. */
export interface StaffRewardOutput {
  readonly id: string;
  merchant: string;
  programId: string;
  slug: string;
  name: string;
  description?: string;
  costPoints: number;
  kind?: RewardKind;
  /** Of a product: what the till knows it by. */
  sku?: string;
  /** What whoever gets it should know; of something in words, the words. */
  instructions?: string;
  startsAt?: string | null;
  endsAt?: string | null;
  /** Empty: as many as are asked for. */
  stock?: number | null;
  limitPerMember?: number | null;
  minimumTierId: string | null;
  isActive?: boolean;
  readonly picture: string | null;
  readonly codesLeft: number | null;
  readonly createdAt: string;
}

/** A page of rewards. */
export interface StaffRewardPage {
  rewards: StaffRewardOutput[];
  /** Null at the end. */
  nextCursor: string | null;
}

/** A level of a program. */
export interface StaffTierOutput {
  readonly id: string;
  merchant: string;
  programId: string;
  slug: string;
  name: string;
  description?: string;
  pointThreshold: number;
  /** Points earned while in this tier are multiplied by it. */
  multiplier?: string;
  benefits: string[];
  isActive?: boolean;
}

/** A page of tiers. */
export interface StaffTierPage {
  tiers: StaffTierOutput[];
  /** Null at the end. */
  nextCursor: string | null;
}

/** Stamps for the card; with an order reference, once. */
export interface StampInputRequest {
  count?: number;
  orderReference?: string;
  occurredAt?: string;
}

/** A full card is handed in. With a reference, once. */
export interface StampsRedeemInputRequest {
  reference?: string;
  occurredAt?: string;
}

/** Which stamps are undone, and why. */
export interface StampsVoidInputRequest {
  entryId: string;
  reason: string;
}

/** Figures of a period; days are those of each program's time zone. */
export interface StatsOutput {
  first: string;
  last: string;
  totals: MovesOutput;
  byDay: DayOutput[];
  byStore: StoreMovesOutput[];
  byMerchant: MerchantMovesOutput[];
}

/** How many of the member's invites are where, whatever was asked for. */
export interface StatusCounts {
  draft: number;
  sent: number;
  converted: number;
  expired: number;
  cancelled: number;
}

/** A new store of a merchant. */
export interface StoreInputRequest {
  merchant: string;
  /** The merchant's own name or number of this store. */
  reference: string;
  name: string;
  isActive?: boolean;
}

/** What happened at one store; null is at none. */
export interface StoreMovesOutput {
  transactions: number;
  enrolments: number;
  pointsIssued: number;
  pointsRedeemed: number;
  pointsExpired: number;
  pointsCorrected: number;
  stamps: number;
  stampCardsRedeemed: number;
  redemptionRatio: number | null;
  merchant: string;
  storeId: string | null;
  store: string | null;
}

/** A store of a merchant. */
export interface StoreOutput {
  readonly id: string;
  merchant: string;
  /** The merchant's own name or number of this store. */
  reference: string;
  name: string;
  isActive?: boolean;
  readonly createdAt: string;
}

/** A page of stores. */
export interface StorePage {
  stores: StoreOutput[];
  /** Null at the end. */
  nextCursor: string | null;
}

/** The program, for a till's screen: what a purchase earns, what a full stamp card is, tiers and rewards. */
export interface StoreProgram {
  id: string;
  name: string;
  currency: string;
  locale: string;
  timeZone: string;
  pointsPerUnit: string;
  minimumPurchase: string;
  welcomeBonus: number;
  stampsTarget: number;
  minutesBetweenStamps: number;
  stampsPerDay: number | null;
  expiryPolicy: string;
  voidHours: number;
  tiers: StoreTier[];
  rewards: StoreReward[];
}

/** Something the program gives for points. */
export interface StoreReward {
  id: string;
  slug: string;
  name: string;
  description: string;
  costPoints: number;
}

/** A level of the program. */
export interface StoreTier {
  id: string;
  slug: string;
  name: string;
  description: string;
  pointThreshold: number;
  multiplier: string;
  benefits: string[];
}

/** Nothing needs to be said; a reason may be. */
export interface SwitchInputRequest {
  reason?: string;
}

/** What the entry took of a lot; negative where it gave back. */
export interface TakenLot {
  lotId: string;
  points: number;
  expiresAt: string;
}

export type TierBasis = "lifetime" | "rolling";

/** A new level of a program. */
export interface TierInputRequest {
  programId: string;
  slug: string;
  name: string;
  description?: string;
  pointThreshold: number;
  /** Points earned while in this tier are multiplied by it. */
  multiplier?: string;
  benefits?: string[];
  isActive?: boolean;
}

/** The due members of one tier; null is no tier. */
export interface TierPreviewOutput {
  tier: string | null;
  members: number;
  points: number;
  unwarned: number;
}

/** How far each source has been read: a time, for people; null where none was read. */
export interface TimelineCursor {
  ledger: string | null;
  redemptions: string | null;
  referrals: string | null;
  nudges: string | null;
  guardrails: string | null;
}

/** Something that happened; the object of its kind tells more. */
export interface TimelineEntry {
  kind: TimelineEntryKindEnum;
  id: string;
  occurredAt: string;
  ledger?: LedgerLine;
  redemption?: RedemptionOutput;
  referral?: InviteOutput;
  nudge?: NudgeOutput;
  override?: MemberOverrideOutput;
}

export type TimelineEntryKindEnum = "ledger" | "redemption" | "referral" | "nudge" | "guardrail_override";

/** Entries, newest first; `cursorToken` is the `cursor` that leads on, and null at the end. */
export interface TimelinePage {
  entries: TimelineEntry[];
  cursor: TimelineCursor;
  cursorToken: string | null;
  hasMore: boolean;
  appliedFilters: AppliedFilters;
}

/** At which merchant; may be left out where the run, or the user, has one only. */
export interface UndoInputRequest {
  merchant?: string;
}

/** An entry that took of the lot. */
export interface UsedBy {
  entryId: string;
  entryType: EntryType;
  points: number;
  occurredAt: string;
}

/** What all members did in the window before `computedAt`. */
export interface VelocityOutput {
  computedAt: string;
  windowDays: number;
  totalInvites: number;
  totalConversions: number;
  totalPointsEarned: number;
  invitesPerMember: number;
  conversionsPerMember: number;
  pointsPerMember: number;
}

/** One snapshot a day, newest first; one counted now where none is stored. */
export interface VelocityPage {
  snapshots: VelocityOutput[];
  /** Null at the end. */
  nextCursor: string | null;
}

/** Why it is undone. */
export interface VoidInputRequest {
  reason: string;
}

/** Where the card is added to a phone. */
export interface WalletLinks {
  apple: string;
  google: string;
}

/** What each operation takes and answers, by its id. */
export interface Operations {
  /** Find cards by name, e-mail address, phone or card number: GET /api/v1/admin/loyalty/cards */
  listCards: {
    method: "GET";
    path: "/api/v1/admin/loyalty/cards";
    queryParameters: { cursor?: string; limit?: number; merchant?: string; search?: string };
    answers: { 200: StaffCardPage };
  };
  /** A card and its person: GET /api/v1/admin/loyalty/cards/{cardId} */
  getCard: {
    method: "GET";
    path: "/api/v1/admin/loyalty/cards/{cardId}";
    pathParameters: { cardId: string };
    answers: { 200: StaffCardOutput };
  };
  /** Correct a balance, never below what is held: POST /api/v1/admin/loyalty/cards/{cardId}/adjust-points */
  adjustPoints: {
    method: "POST";
    path: "/api/v1/admin/loyalty/cards/{cardId}/adjust-points";
    pathParameters: { cardId: string };
    body: AdjustInputRequest;
    answers: { 201: StaffEntryOutput };
  };
  /** Forget the person in every table; amounts stay, and the ledger still balances: POST /api/v1/admin/loyalty/cards/{cardId}/anonymize */
  anonymizeCard: {
    method: "POST";
    path: "/api/v1/admin/loyalty/cards/{cardId}/anonymize";
    pathParameters: { cardId: string };
    answers: { 200: StaffCardOutput };
  };
  /** Switch a card off; open holds stay: POST /api/v1/admin/loyalty/cards/{cardId}/deactivate */
  deactivateCardAsStaff: {
    method: "POST";
    path: "/api/v1/admin/loyalty/cards/{cardId}/deactivate";
    pathParameters: { cardId: string };
    answers: { 200: StaffCardOutput };
  };
  /** All that is stored of the person, by table: GET /api/v1/admin/loyalty/cards/{cardId}/export */
  exportCard: {
    method: "GET";
    path: "/api/v1/admin/loyalty/cards/{cardId}/export";
    pathParameters: { cardId: string };
    answers: { 200: ExportOutput };
  };
  /** Switch a card on again, and restart its activity clock: POST /api/v1/admin/loyalty/cards/{cardId}/reactivate */
  reactivateCardAsStaff: {
    method: "POST";
    path: "/api/v1/admin/loyalty/cards/{cardId}/reactivate";
    pathParameters: { cardId: string };
    answers: { 200: StaffCardOutput };
  };
  /** Give the member a new card number; the old one is refused from now on: POST /api/v1/admin/loyalty/cards/{cardId}/replace */
  replaceCardAsStaff: {
    method: "POST";
    path: "/api/v1/admin/loyalty/cards/{cardId}/replace";
    pathParameters: { cardId: string };
    body: StaffReplaceInputRequest;
    answers: { 200: StaffCardOutput };
  };
  /** Give points back, and restart the activity clock: POST /api/v1/admin/loyalty/cards/{cardId}/restore-points */
  restorePoints: {
    method: "POST";
    path: "/api/v1/admin/loyalty/cards/{cardId}/restore-points";
    pathParameters: { cardId: string };
    body: RestoreInputRequest;
    answers: { 201: StaffEntryOutput };
  };
  /** A card's ledger, newest entry first: GET /api/v1/admin/loyalty/cards/{cardId}/transactions */
  listCardTransactions: {
    method: "GET";
    path: "/api/v1/admin/loyalty/cards/{cardId}/transactions";
    pathParameters: { cardId: string };
    queryParameters: { cursor?: string; limit?: number; types?: ("earn" | "welcome_bonus" | "referral_bonus" | "tier_bonus" | "redeem" | "points_expired" | "admin_adjustment" | "refund" | "undo" | "stamp_earned" | "stamp_redeemed" | "stamp_voided")[] };
    answers: { 200: StaffEntryPage };
  };
  /** What an expiry run would take, by tier, and whom it would warn; changes nothing: POST /api/v1/admin/loyalty/expiry/preview */
  previewExpiry: {
    method: "POST";
    path: "/api/v1/admin/loyalty/expiry/preview";
    body: ExpiryInputRequest;
    answers: { 200: ExpiryPreviewOutput };
  };
  /** Expire points that are due and warn of those that soon will be; a worker does it: POST /api/v1/admin/loyalty/expiry/run */
  runExpiry: {
    method: "POST";
    path: "/api/v1/admin/loyalty/expiry/run";
    body: ExpiryInputRequest;
    answers: { 202: RunOutput };
  };
  /** Every scheduled job: when it runs, how it last went, and since when it has not gone well: GET /api/v1/admin/loyalty/jobs */
  listJobs: {
    method: "GET";
    path: "/api/v1/admin/loyalty/jobs";
    answers: { 200: JobsOutput };
  };
  /** List API keys, newest first: GET /api/v1/admin/loyalty/keys */
  listKeys: {
    method: "GET";
    path: "/api/v1/admin/loyalty/keys";
    queryParameters: { cursor?: string; limit?: number; merchant?: string };
    answers: { 200: KeyPage };
  };
  /** Make an API key; its text is shown in this answer alone: POST /api/v1/admin/loyalty/keys */
  createKey: {
    method: "POST";
    path: "/api/v1/admin/loyalty/keys";
    body: KeyInputRequest;
    answers: { 201: NewKeyOutput };
  };
  /** An API key, without its text: GET /api/v1/admin/loyalty/keys/{rowId} */
  getKey: {
    method: "GET";
    path: "/api/v1/admin/loyalty/keys/{rowId}";
    pathParameters: { rowId: string };
    answers: { 200: KeyOutput };
  };
  /** Say where a key is used: PATCH /api/v1/admin/loyalty/keys/{rowId} */
  changeKey: {
    method: "PATCH";
    path: "/api/v1/admin/loyalty/keys/{rowId}";
    pathParameters: { rowId: string };
    body: PatchedKeyChangeInputRequest;
    answers: { 200: KeyOutput };
  };
  /** Revoke a key: it opens nothing any more, and stays in the list: DELETE /api/v1/admin/loyalty/keys/{rowId} */
  deleteKey: {
    method: "DELETE";
    path: "/api/v1/admin/loyalty/keys/{rowId}";
    pathParameters: { rowId: string };
    answers: { 204: undefined };
  };
  /** Revoke a key: it opens nothing any more: POST /api/v1/admin/loyalty/keys/{rowId}/revoke */
  revokeKey: {
    method: "POST";
    path: "/api/v1/admin/loyalty/keys/{rowId}/revoke";
    pathParameters: { rowId: string };
    answers: { 200: KeyOutput };
  };
  /** Make a new key like this one, which ends after an overlap: POST /api/v1/admin/loyalty/keys/{rowId}/rotate */
  rotateKey: {
    method: "POST";
    path: "/api/v1/admin/loyalty/keys/{rowId}/rotate";
    pathParameters: { rowId: string };
    body: RotateInputRequest;
    answers: { 201: NewKeyOutput };
  };
  /** List programs, newest first: GET /api/v1/admin/loyalty/programs */
  listPrograms: {
    method: "GET";
    path: "/api/v1/admin/loyalty/programs";
    queryParameters: { cursor?: string; limit?: number; merchant?: string };
    answers: { 200: ProgramPage };
  };
  /** Make a program: POST /api/v1/admin/loyalty/programs */
  createProgram: {
    method: "POST";
    path: "/api/v1/admin/loyalty/programs";
    body: ProgramInputRequest;
    answers: { 201: ProgramOutput };
  };
  /** A program: GET /api/v1/admin/loyalty/programs/{rowId} */
  getProgram: {
    method: "GET";
    path: "/api/v1/admin/loyalty/programs/{rowId}";
    pathParameters: { rowId: string };
    answers: { 200: ProgramOutput };
  };
  /** Change a program; fields left out stay as they are: PATCH /api/v1/admin/loyalty/programs/{rowId} */
  changeProgram: {
    method: "PATCH";
    path: "/api/v1/admin/loyalty/programs/{rowId}";
    pathParameters: { rowId: string };
    body: PatchedProgramChangeInputRequest;
    answers: { 200: ProgramOutput };
  };
  /** Delete a program that nothing refers to: DELETE /api/v1/admin/loyalty/programs/{rowId} */
  deleteProgram: {
    method: "DELETE";
    path: "/api/v1/admin/loyalty/programs/{rowId}";
    pathParameters: { rowId: string };
    answers: { 204: undefined };
  };
  /** Whether balances, lots and holds agree with the ledger, and every difference by member: GET /api/v1/admin/loyalty/reconciliation */
  getReconciliation: {
    method: "GET";
    path: "/api/v1/admin/loyalty/reconciliation";
    queryParameters: { merchant?: string };
    answers: { 200: ReconciliationOutput };
  };
  /** List rewards, newest first: GET /api/v1/admin/loyalty/rewards */
  listRewards: {
    method: "GET";
    path: "/api/v1/admin/loyalty/rewards";
    queryParameters: { cursor?: string; limit?: number; merchant?: string };
    answers: { 200: StaffRewardPage };
  };
  /** Make a reward: POST /api/v1/admin/loyalty/rewards */
  createReward: {
    method: "POST";
    path: "/api/v1/admin/loyalty/rewards";
    body: RewardInputRequest;
    answers: { 201: StaffRewardOutput };
  };
  /** A reward: GET /api/v1/admin/loyalty/rewards/{rowId} */
  getReward: {
    method: "GET";
    path: "/api/v1/admin/loyalty/rewards/{rowId}";
    pathParameters: { rowId: string };
    answers: { 200: StaffRewardOutput };
  };
  /** Change a reward; fields left out stay as they are: PATCH /api/v1/admin/loyalty/rewards/{rowId} */
  changeReward: {
    method: "PATCH";
    path: "/api/v1/admin/loyalty/rewards/{rowId}";
    pathParameters: { rowId: string };
    body: PatchedRewardChangeInputRequest;
    answers: { 200: StaffRewardOutput };
  };
  /** Delete a reward that nothing refers to: DELETE /api/v1/admin/loyalty/rewards/{rowId} */
  deleteReward: {
    method: "DELETE";
    path: "/api/v1/admin/loyalty/rewards/{rowId}";
    pathParameters: { rowId: string };
    answers: { 204: undefined };
  };
  /** List runs, newest first: GET /api/v1/admin/loyalty/runs */
  listRuns: {
    method: "GET";
    path: "/api/v1/admin/loyalty/runs";
    queryParameters: { cursor?: string; jobs?: string[]; limit?: number; merchant?: string; statuses?: ("queued" | "running" | "succeeded" | "failed" | "partial")[] };
    answers: { 200: RunPage };
  };
  /** A run, what it moved, and the runs that undid it: GET /api/v1/admin/loyalty/runs/{runId} */
  getRun: {
    method: "GET";
    path: "/api/v1/admin/loyalty/runs/{runId}";
    pathParameters: { runId: string };
    answers: { 200: RunDetailOutput };
  };
  /** Answer every entry of a run with one that undoes it; a worker does it: POST /api/v1/admin/loyalty/runs/{runId}/undo */
  undoRun: {
    method: "POST";
    path: "/api/v1/admin/loyalty/runs/{runId}/undo";
    pathParameters: { runId: string };
    body: UndoInputRequest;
    answers: { 202: RunOutput };
  };
  /** Enrolments, points, stamps, retention and liability: by day, store and merchant: GET /api/v1/admin/loyalty/stats */
  getStats: {
    method: "GET";
    path: "/api/v1/admin/loyalty/stats";
    queryParameters: { first?: string; last?: string; merchant?: string };
    answers: { 200: StatsOutput };
  };
  /** List stores, newest first: GET /api/v1/admin/loyalty/stores */
  listStores: {
    method: "GET";
    path: "/api/v1/admin/loyalty/stores";
    queryParameters: { cursor?: string; limit?: number; merchant?: string };
    answers: { 200: StorePage };
  };
  /** Make a store: POST /api/v1/admin/loyalty/stores */
  createStore: {
    method: "POST";
    path: "/api/v1/admin/loyalty/stores";
    body: StoreInputRequest;
    answers: { 201: StoreOutput };
  };
  /** A store: GET /api/v1/admin/loyalty/stores/{rowId} */
  getStore: {
    method: "GET";
    path: "/api/v1/admin/loyalty/stores/{rowId}";
    pathParameters: { rowId: string };
    answers: { 200: StoreOutput };
  };
  /** Change a store; fields left out stay as they are: PATCH /api/v1/admin/loyalty/stores/{rowId} */
  changeStore: {
    method: "PATCH";
    path: "/api/v1/admin/loyalty/stores/{rowId}";
    pathParameters: { rowId: string };
    body: PatchedStoreChangeInputRequest;
    answers: { 200: StoreOutput };
  };
  /** Delete a store that nothing refers to: DELETE /api/v1/admin/loyalty/stores/{rowId} */
  deleteStore: {
    method: "DELETE";
    path: "/api/v1/admin/loyalty/stores/{rowId}";
    pathParameters: { rowId: string };
    answers: { 204: undefined };
  };
  /** List tiers, newest first: GET /api/v1/admin/loyalty/tiers */
  listTiers: {
    method: "GET";
    path: "/api/v1/admin/loyalty/tiers";
    queryParameters: { cursor?: string; limit?: number; merchant?: string };
    answers: { 200: StaffTierPage };
  };
  /** Make a tier: POST /api/v1/admin/loyalty/tiers */
  createTier: {
    method: "POST";
    path: "/api/v1/admin/loyalty/tiers";
    body: TierInputRequest;
    answers: { 201: StaffTierOutput };
  };
  /** A tier: GET /api/v1/admin/loyalty/tiers/{rowId} */
  getTier: {
    method: "GET";
    path: "/api/v1/admin/loyalty/tiers/{rowId}";
    pathParameters: { rowId: string };
    answers: { 200: StaffTierOutput };
  };
  /** Change a tier; fields left out stay as they are: PATCH /api/v1/admin/loyalty/tiers/{rowId} */
  changeTier: {
    method: "PATCH";
    path: "/api/v1/admin/loyalty/tiers/{rowId}";
    pathParameters: { rowId: string };
    body: PatchedTierChangeInputRequest;
    answers: { 200: StaffTierOutput };
  };
  /** Delete a tier that nothing refers to: DELETE /api/v1/admin/loyalty/tiers/{rowId} */
  deleteTier: {
    method: "DELETE";
    path: "/api/v1/admin/loyalty/tiers/{rowId}";
    pathParameters: { rowId: string };
    answers: { 204: undefined };
  };
  /** Invites, conversions and points earned by day of capture, newest first: GET /api/v1/loyalty/analytics/velocity */
  listVelocity: {
    method: "GET";
    path: "/api/v1/loyalty/analytics/velocity";
    queryParameters: { cursor?: string; limit?: number };
    answers: { 200: VelocityPage };
  };
  /** Confirm or cancel what a member means to do with an order; each intent counts once, and stands alone: POST /api/v1/loyalty/checkout/intents */
  sendCheckoutIntents: {
    method: "POST";
    path: "/api/v1/loyalty/checkout/intents";
    body: CheckoutInputRequest;
    answers: { 200: CheckoutOutput };
  };
  /** Ask to be forgotten; the merchant does it within 30 days, and until then the card goes on working: POST /api/v1/loyalty/erase */
  eraseMember: {
    method: "POST";
    path: "/api/v1/loyalty/erase";
    answers: { 200: ErasureOutput; 202: ErasureOutput };
  };
  /** Why an entry, or what came of an order, is what it is: rule, rate, caps, lots, holds, what answered it since: GET /api/v1/loyalty/explain */
  explain: {
    method: "GET";
    path: "/api/v1/loyalty/explain";
    queryParameters: { entryId?: string; orderReference?: string };
    answers: { 200: ExplanationOutput };
  };
  /** All that is stored of the member, by table: GET /api/v1/loyalty/export */
  exportMember: {
    method: "GET";
    path: "/api/v1/loyalty/export";
    answers: { 200: MemberExport };
  };
  /** The limits of invitations, how near members are to them, and the overrides: GET /api/v1/loyalty/guardrails */
  readGuardrails: {
    method: "GET";
    path: "/api/v1/loyalty/guardrails";
    answers: { 200: GuardrailsOutput };
  };
  /** Lift a limit for one member or for all, or stop new invites; it takes the place of the one there is: POST /api/v1/loyalty/guardrails/overrides */
  overrideGuardrail: {
    method: "POST";
    path: "/api/v1/loyalty/guardrails/overrides";
    body: OverrideInputRequest;
    answers: { 201: OverrideOutput };
  };
  /** The member's ledger, newest entry first: GET /api/v1/loyalty/ledger */
  readLedger: {
    method: "GET";
    path: "/api/v1/loyalty/ledger";
    queryParameters: { cursor?: string; limit?: number; types?: ("earn" | "welcome_bonus" | "referral_bonus" | "tier_bonus" | "redeem" | "points_expired" | "admin_adjustment" | "refund" | "undo" | "stamp_earned" | "stamp_redeemed" | "stamp_voided" | "adjustment")[] };
    answers: { 200: LedgerPage };
  };
  /** A member: points, tier, the way to the next one and what expires soonest; made on first sight: GET /api/v1/loyalty/members/{userId} */
  readMember: {
    method: "GET";
    path: "/api/v1/loyalty/members/{userId}";
    pathParameters: { userId: string };
    answers: { 200: MemberOverview };
  };
  /** Ask for a reward, or for points to be spent; the points are held until it is fulfilled: POST /api/v1/loyalty/members/{userId}/redemptions */
  requestRedemption: {
    method: "POST";
    path: "/api/v1/loyalty/members/{userId}/redemptions";
    pathParameters: { userId: string };
    body: RedemptionInputRequest;
    answers: { 201: RedemptionOutput };
  };
  /** Invite somebody in a member's name, within the member's limits: POST /api/v1/loyalty/members/{userId}/referrals */
  inviteForMember: {
    method: "POST";
    path: "/api/v1/loyalty/members/{userId}/referrals";
    pathParameters: { userId: string };
    body: OperatorInviteInputRequest;
    answers: { 201: InviteOutput };
  };
  /** The member's pending intents and cards of them in the member's language, oldest first: GET /api/v1/loyalty/next-actions */
  readNextActions: {
    method: "GET";
    path: "/api/v1/loyalty/next-actions";
    answers: { 200: NextActions };
  };
  /** Take an intent out of the feed; one that is not pending is answered unchanged: POST /api/v1/loyalty/next-actions/{intentId}/resolve */
  resolveNextAction: {
    method: "POST";
    path: "/api/v1/loyalty/next-actions/{intentId}/resolve";
    pathParameters: { intentId: string };
    body: ResolveInputRequest;
    answers: { 200: IntentOutput };
  };
  /** What the member is reminded of now: the highest priority first, then what is over soonest: GET /api/v1/loyalty/nudges */
  readNudges: {
    method: "GET";
    path: "/api/v1/loyalty/nudges";
    answers: { 200: NudgeList };
  };
  /** Acknowledge or dismiss a nudge: it stays so until its signal is a new one: POST /api/v1/loyalty/nudges/{nudgeId}/status */
  answerNudge: {
    method: "POST";
    path: "/api/v1/loyalty/nudges/{nudgeId}/status";
    pathParameters: { nudgeId: string };
    body: AnswerInputRequest;
    answers: { 204: undefined };
  };
  /** The member's nudges of every status, newest first: GET /api/v1/loyalty/nudges/history */
  readNudgeHistory: {
    method: "GET";
    path: "/api/v1/loyalty/nudges/history";
    queryParameters: { limit?: number };
    answers: { 200: NudgeList };
  };
  /** Channels, kinds of message, language, quiet hours, phone and push token of the member: GET /api/v1/loyalty/preferences */
  readPreferences: {
    method: "GET";
    path: "/api/v1/loyalty/preferences";
    answers: { 200: PreferencesOutput };
  };
  /** Change how the member wants to hear from the merchant; what is left out stays as it is: PUT /api/v1/loyalty/preferences */
  changePreferences: {
    method: "PUT";
    path: "/api/v1/loyalty/preferences";
    body: PreferencesInputRequest;
    answers: { 200: PreferencesOutput };
  };
  /** The public key that a browser subscribes to pushes with; its subscription is stored as the push token: GET /api/v1/loyalty/preferences/push-key */
  readPushKey: {
    method: "GET";
    path: "/api/v1/loyalty/preferences/push-key";
    answers: { 200: PushKeyOutput };
  };
  /** The member's redemptions, newest first, and how many are open: GET /api/v1/loyalty/redemptions */
  readRedemptions: {
    method: "GET";
    path: "/api/v1/loyalty/redemptions";
    queryParameters: { cursor?: string; limit?: number; statuses?: ("requested" | "fulfilled" | "failed" | "cancelled")[] };
    answers: { 200: RedemptionPage };
  };
  /** It is not wanted any more: the held points are free again; one that is closed is answered unchanged: POST /api/v1/loyalty/redemptions/{redemptionId}/cancel */
  cancelRedemption: {
    method: "POST";
    path: "/api/v1/loyalty/redemptions/{redemptionId}/cancel";
    pathParameters: { redemptionId: string };
    body: CancelInputRequest;
    answers: { 200: RedemptionOutput };
  };
  /** It cannot be fulfilled: the held points are free again; one that is closed is answered unchanged: POST /api/v1/loyalty/redemptions/{redemptionId}/fail */
  failRedemption: {
    method: "POST";
    path: "/api/v1/loyalty/redemptions/{redemptionId}/fail";
    pathParameters: { redemptionId: string };
    body: FailInputRequest;
    answers: { 200: RedemptionOutput };
  };
  /** The member has it: the held points are spent; one that is closed is answered unchanged: POST /api/v1/loyalty/redemptions/{redemptionId}/fulfill */
  fulfillRedemption: {
    method: "POST";
    path: "/api/v1/loyalty/redemptions/{redemptionId}/fulfill";
    pathParameters: { redemptionId: string };
    body: FulfillInputRequest;
    answers: { 200: RedemptionOutput };
  };
  /** The member's invites, newest first, at most 100: GET /api/v1/loyalty/referrals */
  listReferrals: {
    method: "GET";
    path: "/api/v1/loyalty/referrals";
    answers: { 200: InviteOutput[] };
  };
  /** Invite somebody; with an address they are written to: POST /api/v1/loyalty/referrals */
  inviteSomebody: {
    method: "POST";
    path: "/api/v1/loyalty/referrals";
    body: InviteInputRequest;
    answers: { 201: InviteOutput };
  };
  /** Take an invite back; one that is not open any more is answered unchanged: POST /api/v1/loyalty/referrals/{inviteId}/cancel */
  cancelReferral: {
    method: "POST";
    path: "/api/v1/loyalty/referrals/{inviteId}/cancel";
    pathParameters: { inviteId: string };
    body: CancelInviteInputRequest;
    answers: { 200: InviteOutput };
  };
  /** Somebody came with this code: the invite converts and both sides are credited, once: POST /api/v1/loyalty/referrals/complete */
  completeReferral: {
    method: "POST";
    path: "/api/v1/loyalty/referrals/complete";
    body: CompleteInputRequest;
    answers: { 200: InviteOutput };
  };
  /** The member's invites page by page, how many are where, and what they brought: GET /api/v1/loyalty/referrals/conversions */
  listConversions: {
    method: "GET";
    path: "/api/v1/loyalty/referrals/conversions";
    queryParameters: { cursor?: string; limit?: number; statuses?: ("draft" | "sent" | "converted" | "expired" | "cancelled")[] };
    answers: { 200: ConversionPage };
  };
  /** Members by when they last did something, and what they did in 30 days: GET /api/v1/loyalty/referrals/segments */
  readSegments: {
    method: "GET";
    path: "/api/v1/loyalty/referrals/segments";
    answers: { 200: SegmentsOutput };
  };
  /** The program's active rewards, cheapest first; not those that have not begun, or are over: GET /api/v1/loyalty/rewards */
  readRewards: {
    method: "GET";
    path: "/api/v1/loyalty/rewards";
    queryParameters: { merchant?: string };
    answers: { 200: CatalogueReward[] };
  };
  /** The program's active tiers, lowest threshold first: GET /api/v1/loyalty/tiers */
  readTiers: {
    method: "GET";
    path: "/api/v1/loyalty/tiers";
    queryParameters: { merchant?: string };
    answers: { 200: CatalogueTier[] };
  };
  /** Everything that happened to the member, newest first: GET /api/v1/loyalty/timeline */
  readTimeline: {
    method: "GET";
    path: "/api/v1/loyalty/timeline";
    queryParameters: { campaignSlug?: string; checkoutOrderId?: string; cursor?: string; guardrailScopes?: ("invite_quota" | "invite_cooldown" | "global_throttle")[]; includeGuardrails?: boolean; includeLedger?: boolean; includeNudges?: boolean; includeRedemptions?: boolean; includeReferrals?: boolean; ledgerTypes?: ("earn" | "welcome_bonus" | "referral_bonus" | "tier_bonus" | "redeem" | "points_expired" | "admin_adjustment" | "refund" | "undo" | "stamp_earned" | "stamp_redeemed" | "stamp_voided" | "adjustment")[]; limit?: number; nudgeStatuses?: ("active" | "acknowledged" | "dismissed" | "expired")[]; redemptionStatuses?: ("requested" | "fulfilled" | "failed" | "cancelled")[]; referralCode?: string; referralStatuses?: ("draft" | "sent" | "converted" | "expired" | "cancelled")[] };
    answers: { 200: TimelinePage };
  };
  /** Up to 100 operations a till has queued, in their order, each with its own result, each once: POST /api/v1/store/loyalty/batch */
  runBatch: {
    method: "POST";
    path: "/api/v1/store/loyalty/batch";
    body: BatchInputRequest;
    answers: { 200: BatchOutput };
  };
  /** Look a card up by phone number, e-mail address or the shop's own customer number: GET /api/v1/store/loyalty/cards */
  lookUpCard: {
    method: "GET";
    path: "/api/v1/store/loyalty/cards";
    queryParameters: { email?: string; externalRef?: string; phone?: string };
    answers: { 200: Card };
  };
  /** Enrol a person; whoever is a member already is answered 200: POST /api/v1/store/loyalty/cards */
  enrollCard: {
    method: "POST";
    path: "/api/v1/store/loyalty/cards";
    body: EnrollInputRequest;
    answers: { 200: Card; 201: Card };
  };
  /** Look a card up by its number: GET /api/v1/store/loyalty/cards/{cardNumber} */
  readCard: {
    method: "GET";
    path: "/api/v1/store/loyalty/cards/{cardNumber}";
    pathParameters: { cardNumber: string };
    answers: { 200: Card };
  };
  /** Switch a card off: it neither earns nor spends: POST /api/v1/store/loyalty/cards/{cardNumber}/deactivate */
  deactivateCard: {
    method: "POST";
    path: "/api/v1/store/loyalty/cards/{cardNumber}/deactivate";
    pathParameters: { cardNumber: string };
    body: SwitchInputRequest;
    answers: { 200: Card };
  };
  /** Earn points for a purchase; one order earns once: POST /api/v1/store/loyalty/cards/{cardNumber}/points */
  earnPoints: {
    method: "POST";
    path: "/api/v1/store/loyalty/cards/{cardNumber}/points";
    pathParameters: { cardNumber: string };
    body: EarnInputRequest;
    answers: { 200: Entry; 201: Entry };
  };
  /** What a purchase would earn, and why; writes nothing: POST /api/v1/store/loyalty/cards/{cardNumber}/points/preview */
  previewPoints: {
    method: "POST";
    path: "/api/v1/store/loyalty/cards/{cardNumber}/points/preview";
    pathParameters: { cardNumber: string };
    body: PreviewInputRequest;
    answers: { 200: Preview };
  };
  /** Spend points, or the points of a reward, at the counter; one order redeems once: POST /api/v1/store/loyalty/cards/{cardNumber}/points/redeem */
  redeemPoints: {
    method: "POST";
    path: "/api/v1/store/loyalty/cards/{cardNumber}/points/redeem";
    pathParameters: { cardNumber: string };
    body: RedeemInputRequest;
    answers: { 200: Spent; 201: Spent };
  };
  /** Switch a card on again; its activity clock starts anew: POST /api/v1/store/loyalty/cards/{cardNumber}/reactivate */
  reactivateCard: {
    method: "POST";
    path: "/api/v1/store/loyalty/cards/{cardNumber}/reactivate";
    pathParameters: { cardNumber: string };
    body: SwitchInputRequest;
    answers: { 200: Card };
  };
  /** Take back the points of a return; what is not there any more is the shortfall, and is not owed: POST /api/v1/store/loyalty/cards/{cardNumber}/refunds */
  refundPoints: {
    method: "POST";
    path: "/api/v1/store/loyalty/cards/{cardNumber}/refunds";
    pathParameters: { cardNumber: string };
    body: RefundInputRequest;
    answers: { 200: Refund; 201: Refund };
  };
  /** Give a new number for a lost card; the old one is refused from then on: POST /api/v1/store/loyalty/cards/{cardNumber}/replace */
  replaceCard: {
    method: "POST";
    path: "/api/v1/store/loyalty/cards/{cardNumber}/replace";
    pathParameters: { cardNumber: string };
    body: ReplaceInputRequest;
    answers: { 200: Card };
  };
  /** Stamp the card; at the target a reward is ready: POST /api/v1/store/loyalty/cards/{cardNumber}/stamps */
  addStamps: {
    method: "POST";
    path: "/api/v1/store/loyalty/cards/{cardNumber}/stamps";
    pathParameters: { cardNumber: string };
    body: StampInputRequest;
    answers: { 200: Entry; 201: Entry };
  };
  /** Hand in a full stamp card: exactly the target is taken, the rest stays: POST /api/v1/store/loyalty/cards/{cardNumber}/stamps/redeem */
  redeemStamps: {
    method: "POST";
    path: "/api/v1/store/loyalty/cards/{cardNumber}/stamps/redeem";
    pathParameters: { cardNumber: string };
    body: StampsRedeemInputRequest;
    answers: { 200: Entry; 201: Entry };
  };
  /** Undo stamps of this store on this card: POST /api/v1/store/loyalty/cards/{cardNumber}/stamps/void */
  voidStamps: {
    method: "POST";
    path: "/api/v1/store/loyalty/cards/{cardNumber}/stamps/void";
    pathParameters: { cardNumber: string };
    body: StampsVoidInputRequest;
    answers: { 200: Entry; 201: Entry };
  };
  /** The card's entries, newest first: GET /api/v1/store/loyalty/cards/{cardNumber}/transactions */
  listTransactions: {
    method: "GET";
    path: "/api/v1/store/loyalty/cards/{cardNumber}/transactions";
    pathParameters: { cardNumber: string };
    queryParameters: { cursor?: string; limit?: number; types?: ("earn" | "welcome_bonus" | "referral_bonus" | "tier_bonus" | "redeem" | "points_expired" | "admin_adjustment" | "refund" | "undo" | "stamp_earned" | "stamp_redeemed" | "stamp_voided")[] };
    answers: { 200: EntryPage };
  };
  /** A token of an hour for the storefront's own signed-in customer: POST /api/v1/store/loyalty/member-tokens */
  issueMemberToken: {
    method: "POST";
    path: "/api/v1/store/loyalty/member-tokens";
    body: MemberTokenInputRequest;
    answers: { 201: MemberToken };
  };
  /** The merchant's active program, its tiers and rewards: GET /api/v1/store/loyalty/program */
  readProgram: {
    method: "GET";
    path: "/api/v1/store/loyalty/program";
    answers: { 200: StoreProgram };
  };
  /** Undo a purchase or a stamp of this store, within the program's hours: POST /api/v1/store/loyalty/transactions/{entryId}/void */
  voidTransaction: {
    method: "POST";
    path: "/api/v1/store/loyalty/transactions/{entryId}/void";
    pathParameters: { entryId: string };
    body: VoidInputRequest;
    answers: { 200: Entry; 201: Entry };
  };
}
