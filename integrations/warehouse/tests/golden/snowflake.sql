CREATE TABLE "CRM"."DIM_DATE" (
"DATE" DATE  NOT NULL COMMENT 'The day; the key',
"YEAR" NUMBER(19,0)   COMMENT 'Calendar year',
"QUARTER" NUMBER(19,0)   COMMENT '1 to 4',
"MONTH" NUMBER(19,0)   COMMENT '1 to 12',
"DAY_OF_MONTH" NUMBER(19,0)   COMMENT '1 to 31',
"DAY_OF_WEEK" NUMBER(19,0)   COMMENT 'ISO 8601: 1 is Monday, 7 is Sunday',
"ISO_YEAR" NUMBER(19,0)   COMMENT 'ISO 8601: the year that iso_week is of',
"ISO_WEEK" NUMBER(19,0)   COMMENT 'ISO 8601: 1 to 53',
"MONTH_START" DATE   COMMENT 'The first day of its month: what fct_quota.month names',
"QUARTER_START" DATE   COMMENT 'The first day of its quarter');

CREATE TABLE "CRM"."DIM_TENANT" (
"TENANT_ID" VARCHAR(36)  NOT NULL COMMENT 'The tenant whose row it is; in every key',
"NAME" VARCHAR   COMMENT 'What the tenant calls itself',
"BASE_CURRENCY" VARCHAR   COMMENT 'ISO 4217: what amount_base is in',
"TIME_ZONE" VARCHAR   COMMENT 'IANA name: what a day is by default, and the day of a rate',
"IS_DELETED" BOOLEAN   COMMENT 'Always false: how a deletion travels. Its rows are removed, and this one is not kept');

CREATE TABLE "CRM"."DIM_USER" (
"TENANT_ID" VARCHAR(36)  NOT NULL COMMENT 'The tenant whose row it is; in every key',
"USER_ID" VARCHAR(36)  NOT NULL COMMENT 'What owner_id, moved_by and the like name',
"FULL_NAME" VARCHAR   COMMENT 'The user''s name',
"ROLE" VARCHAR   COMMENT 'What they may do: ADMIN, MANAGER, REP',
"MANAGER_ID" VARCHAR(36)   COMMENT 'Whom they report to now: a user; null for none',
"IS_ACTIVE" BOOLEAN   COMMENT 'False once they have left',
"TIME_ZONE" VARCHAR   COMMENT 'IANA name; null: the tenant''s',
"IS_DELETED" BOOLEAN   COMMENT 'Always false: how a deletion travels. Its rows are removed, and this one is not kept');

CREATE TABLE "CRM"."DIM_CONTACT" (
"TENANT_ID" VARCHAR(36)  NOT NULL COMMENT 'The tenant whose row it is; in every key',
"CONTACT_ID" VARCHAR(36)  NOT NULL COMMENT 'What contact_id in facts names, if the contact is still there',
"OWNER_ID" VARCHAR(36)   COMMENT 'The user who answers for the contact',
"SOURCE" VARCHAR   COMMENT 'Where the contact came from, in the API''s words',
"IS_DELETED" BOOLEAN   COMMENT 'Always false: how a deletion travels. Its rows are removed, and this one is not kept');

CREATE TABLE "CRM"."DIM_PIPELINE" (
"TENANT_ID" VARCHAR(36)  NOT NULL COMMENT 'The tenant whose row it is; in every key',
"PIPELINE_ID" VARCHAR(36)  NOT NULL COMMENT 'What pipeline_id names',
"NAME" VARCHAR   COMMENT 'As it is called now',
"IS_DEFAULT" BOOLEAN   COMMENT 'Whether reports mean it where none is named',
"IS_ARCHIVED" BOOLEAN   COMMENT 'Whether it takes no new deals',
"IS_DELETED" BOOLEAN   COMMENT 'Always false: how a deletion travels. Its rows are removed, and this one is not kept');

CREATE TABLE "CRM"."DIM_STAGE" (
"TENANT_ID" VARCHAR(36)  NOT NULL COMMENT 'The tenant whose row it is; in every key',
"PIPELINE_ID" VARCHAR(36)  NOT NULL COMMENT 'The pipeline it is or was part of',
"STAGE_ID" VARCHAR(36)   COMMENT 'What stage_id names',
"NAME" VARCHAR   COMMENT 'As it is called now',
"KIND" VARCHAR   COMMENT 'OPEN, WON or LOST: what a deal in it is',
"WIN_PROBABILITY" NUMBER(19,0)   COMMENT 'Percent, 0 to 100; weighted = amount x it / 100',
"POSITION" NUMBER(19,0)   COMMENT 'Its place in the pipeline, from 0',
"IS_REMOVED" BOOLEAN   COMMENT 'Whether its pipeline has it no more',
"IS_DELETED" BOOLEAN   COMMENT 'Always false: how a deletion travels. Its rows are removed, and this one is not kept');

CREATE TABLE "CRM"."DIM_STAGE_HISTORY" (
"TENANT_ID" VARCHAR(36)  NOT NULL COMMENT 'The tenant whose row it is; in every key',
"PIPELINE_ID" VARCHAR(36)  NOT NULL COMMENT 'The pipeline',
"STAGE_ID" VARCHAR(36)   COMMENT 'The stage',
"VERSION" NUMBER(19,0)   COMMENT 'The pipeline''s version that had it so; with stage_id the row''s key',
"VALID_FROM" TIMESTAMP_LTZ(6)   COMMENT 'UTC: from when on',
"VALID_TO" TIMESTAMP_LTZ(6)   COMMENT 'UTC: until before when; null: still so',
"NAME" VARCHAR   COMMENT 'As it was called then',
"KIND" VARCHAR   COMMENT 'OPEN, WON or LOST',
"WIN_PROBABILITY" NUMBER(19,0)   COMMENT 'Percent, 0 to 100',
"POSITION" NUMBER(19,0)   COMMENT 'Its place in the pipeline, from 0',
"IS_DELETED" BOOLEAN   COMMENT 'Always false: how a deletion travels. Its rows are removed, and this one is not kept');

CREATE TABLE "CRM"."DIM_EXCHANGE_RATE" (
"TENANT_ID" VARCHAR(36)  NOT NULL COMMENT 'The tenant whose row it is; in every key',
"BASE_CURRENCY" VARCHAR  NOT NULL COMMENT 'ISO 4217: what the rate converts to',
"CURRENCY" VARCHAR  NOT NULL COMMENT 'ISO 4217: what the rate converts from',
"VALID_FROM" DATE   COMMENT 'The first day that it counts for; with the currencies the key',
"VALID_TO" DATE   COMMENT 'The first day that it counts for no more; null: still counts',
"RATE" NUMBER(24,12)   COMMENT 'Base units for 1 unit of the currency',
"IS_DELETED" BOOLEAN   COMMENT 'Always false: how a deletion travels. Its rows are removed, and this one is not kept');

CREATE TABLE "CRM"."FCT_DEAL" (
"TENANT_ID" VARCHAR(36)  NOT NULL COMMENT 'The tenant whose row it is; in every key',
"DEAL_ID" VARCHAR(36)  NOT NULL COMMENT 'The deal',
"VERSION" NUMBER(19,0)   COMMENT 'The deal''s version: it grows by one with every change',
"NAME" VARCHAR   COMMENT 'What the deal is called: free text',
"PIPELINE_ID" VARCHAR(36)   COMMENT 'dim_pipeline',
"STAGE_ID" VARCHAR(36)   COMMENT 'dim_stage',
"OWNER_ID" VARCHAR(36)   COMMENT 'dim_user: who answers for it; null: nobody',
"CONTACT_ID" VARCHAR(36)   COMMENT 'dim_contact, if it is still there',
"STATUS" VARCHAR   COMMENT 'OPEN, WON or LOST',
"AMOUNT" NUMBER(18,4)   COMMENT 'In the row''s currency, exactly; null: none was given',
"CURRENCY" VARCHAR   COMMENT 'ISO 4217: what amount is in',
"AMOUNT_BASE" NUMBER(38,16)   COMMENT 'amount at the rate of the closing''s day, of an open deal at the last rate; not rounded; null: no rate',
"BASE_CURRENCY" VARCHAR   COMMENT 'ISO 4217: what amount_base is in, the tenant''s at the last change',
"CLOSE_DATE" DATE   COMMENT 'dim_date: when it is expected to close',
"CREATED_AT" TIMESTAMP_LTZ(6)   COMMENT 'UTC: when it came to be, in business time',
"STAGE_CHANGED_AT" TIMESTAMP_LTZ(6)   COMMENT 'UTC: when it came into its stage',
"CLOSED_AT" TIMESTAMP_LTZ(6)   COMMENT 'UTC: when it was won or lost; null while open',
"LOST_REASON" VARCHAR   COMMENT 'Why it was lost: free text; null: none given',
"IS_DELETED" BOOLEAN   COMMENT 'Always false: how a deletion travels. Its rows are removed, and this one is not kept');

CREATE TABLE "CRM"."FCT_DEAL_HISTORY" (
"TENANT_ID" VARCHAR(36)  NOT NULL COMMENT 'The tenant whose row it is; in every key',
"DEAL_ID" VARCHAR(36)  NOT NULL COMMENT 'The deal',
"VALID_FROM" TIMESTAMP_LTZ(6)   COMMENT 'UTC: from when on; with deal_id the row''s key',
"VALID_TO" TIMESTAMP_LTZ(6)   COMMENT 'UTC: until before when; null: still so',
"IS_CURRENT" BOOLEAN   COMMENT 'Whether it is what the deal is now',
"PIPELINE_ID" VARCHAR(36)   COMMENT 'dim_pipeline',
"STAGE_ID" VARCHAR(36)   COMMENT 'dim_stage; its probability then: dim_stage_history',
"OWNER_ID" VARCHAR(36)   COMMENT 'dim_user: who answered for it then',
"STATUS" VARCHAR   COMMENT 'OPEN, WON or LOST',
"AMOUNT" NUMBER(18,4)   COMMENT 'In the row''s currency, exactly; null: none was given',
"CURRENCY" VARCHAR   COMMENT 'ISO 4217: what amount is in',
"CLOSE_DATE" DATE   COMMENT 'dim_date: when it was then expected to close',
"STAGE_CHANGED_AT" TIMESTAMP_LTZ(6)   COMMENT 'UTC: when it had come into that stage',
"CLOSED_AT" TIMESTAMP_LTZ(6)   COMMENT 'UTC: when it had been won or lost',
"IS_DELETED" BOOLEAN   COMMENT 'Always false: how a deletion travels. Its rows are removed, and this one is not kept');

CREATE TABLE "CRM"."FCT_STAGE_MOVE" (
"TENANT_ID" VARCHAR(36)  NOT NULL COMMENT 'The tenant whose row it is; in every key',
"DEAL_ID" VARCHAR(36)  NOT NULL COMMENT 'The deal',
"VERSION" NUMBER(19,0)   COMMENT 'The deal''s version after it; with deal_id the row''s key',
"PIPELINE_ID" VARCHAR(36)   COMMENT 'dim_pipeline; null: not known',
"FROM_STAGE_ID" VARCHAR(36)   COMMENT 'dim_stage: where it came from; null: it was created',
"TO_STAGE_ID" VARCHAR(36)   COMMENT 'dim_stage: where it went',
"MOVED_AT" TIMESTAMP_LTZ(6)   COMMENT 'UTC: when, in business time',
"MOVED_BY" VARCHAR(36)   COMMENT 'dim_user: who moved it; null: the system, or not known',
"OWNER_ID" VARCHAR(36)   COMMENT 'dim_user: who answered for it then; null: nobody, or not known',
"AMOUNT" NUMBER(18,4)   COMMENT 'As it was then, in currency; null: none, or not known',
"CURRENCY" VARCHAR   COMMENT 'ISO 4217; null: not known',
"IS_DELETED" BOOLEAN   COMMENT 'Always false: how a deletion travels. Its rows are removed, and this one is not kept');

CREATE TABLE "CRM"."FCT_ACTIVITY" (
"TENANT_ID" VARCHAR(36)  NOT NULL COMMENT 'The tenant whose row it is; in every key',
"ACTIVITY_ID" VARCHAR(36)  NOT NULL COMMENT 'The activity',
"TYPE" VARCHAR   COMMENT 'EMAIL, CALL, MEETING, NOTE or TASK',
"USER_ID" VARCHAR(36)   COMMENT 'dim_user: who did it, or got it',
"DEAL_ID" VARCHAR(36)   COMMENT 'fct_deal, if it is still there',
"DIRECTION" VARCHAR   COMMENT 'INBOUND or OUTBOUND; null where there is none',
"OCCURRED_AT" TIMESTAMP_LTZ(6)   COMMENT 'UTC: when it was, or is due',
"COMPLETED_AT" TIMESTAMP_LTZ(6)   COMMENT 'UTC: when a task was done',
"THREAD_ID" VARCHAR(36)   COMMENT 'What e-mails of one conversation share',
"IN_REPLY_TO" VARCHAR(36)   COMMENT 'fct_activity: the message that it answers',
"IS_AUTOMATIC" BOOLEAN   COMMENT 'Sent by a machine: reports leave it out',
"IS_SYSTEM" BOOLEAN   COMMENT 'Written by the suite itself: reports leave it out',
"IS_DELETED" BOOLEAN   COMMENT 'Always false: how a deletion travels. Its rows are removed, and this one is not kept');

CREATE TABLE "CRM"."BRG_ACTIVITY_CONTACT" (
"TENANT_ID" VARCHAR(36)  NOT NULL COMMENT 'The tenant whose row it is; in every key',
"ACTIVITY_ID" VARCHAR(36)  NOT NULL COMMENT 'fct_activity',
"POSITION" NUMBER(19,0)   COMMENT 'From 0, which is the main one; with activity_id the row''s key',
"CONTACT_ID" VARCHAR(36)   COMMENT 'dim_contact, if it is still there',
"IS_DELETED" BOOLEAN   COMMENT 'Always false: how a deletion travels. Its rows are removed, and this one is not kept');

CREATE TABLE "CRM"."FCT_QUOTA" (
"TENANT_ID" VARCHAR(36)  NOT NULL COMMENT 'The tenant whose row it is; in every key',
"QUOTA_ID" VARCHAR(36)  NOT NULL COMMENT 'The quota',
"USER_ID" VARCHAR(36)   COMMENT 'dim_user: whose it is, also once they have left',
"MONTH" DATE   COMMENT 'dim_date: the first day of the month',
"AMOUNT" NUMBER(18,4)   COMMENT 'In currency, exactly',
"CURRENCY" VARCHAR   COMMENT 'ISO 4217: what amount is in',
"AMOUNT_BASE" NUMBER(38,16)   COMMENT 'amount at the rate of month; not rounded; null: no rate',
"BASE_CURRENCY" VARCHAR   COMMENT 'ISO 4217: what amount_base is in, the tenant''s at the last change',
"IS_DELETED" BOOLEAN   COMMENT 'Always false: how a deletion travels. Its rows are removed, and this one is not kept');

