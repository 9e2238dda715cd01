CREATE TABLE "crm"."dim_date" (
"date" DATE  NOT NULL,
"year" BIGINT  ,
"quarter" BIGINT  ,
"month" BIGINT  ,
"day_of_month" BIGINT  ,
"day_of_week" BIGINT  ,
"iso_year" BIGINT  ,
"iso_week" BIGINT  ,
"month_start" DATE  ,
"quarter_start" DATE  );

CREATE TABLE "crm"."dim_tenant" (
"tenant_id" VARCHAR  NOT NULL,
"name" VARCHAR  ,
"base_currency" VARCHAR  ,
"time_zone" VARCHAR  ,
"is_deleted" BOOLEAN  );

CREATE TABLE "crm"."dim_user" (
"tenant_id" VARCHAR  NOT NULL,
"user_id" VARCHAR  NOT NULL,
"full_name" VARCHAR  ,
"role" VARCHAR  ,
"manager_id" VARCHAR  ,
"is_active" BOOLEAN  ,
"time_zone" VARCHAR  ,
"is_deleted" BOOLEAN  );

CREATE TABLE "crm"."dim_contact" (
"tenant_id" VARCHAR  NOT NULL,
"contact_id" VARCHAR  NOT NULL,
"owner_id" VARCHAR  ,
"source" VARCHAR  ,
"is_deleted" BOOLEAN  );

CREATE TABLE "crm"."dim_pipeline" (
"tenant_id" VARCHAR  NOT NULL,
"pipeline_id" VARCHAR  NOT NULL,
"name" VARCHAR  ,
"is_default" BOOLEAN  ,
"is_archived" BOOLEAN  ,
"is_deleted" BOOLEAN  );

CREATE TABLE "crm"."dim_stage" (
"tenant_id" VARCHAR  NOT NULL,
"pipeline_id" VARCHAR  NOT NULL,
"stage_id" VARCHAR  ,
"name" VARCHAR  ,
"kind" VARCHAR  ,
"win_probability" BIGINT  ,
"position" BIGINT  ,
"is_removed" BOOLEAN  ,
"is_deleted" BOOLEAN  );

CREATE TABLE "crm"."dim_stage_history" (
"tenant_id" VARCHAR  NOT NULL,
"pipeline_id" VARCHAR  NOT NULL,
"stage_id" VARCHAR  ,
"version" BIGINT  ,
"valid_from" TIMESTAMP WITH TIME ZONE  ,
"valid_to" TIMESTAMP WITH TIME ZONE  ,
"name" VARCHAR  ,
"kind" VARCHAR  ,
"win_probability" BIGINT  ,
"position" BIGINT  ,
"is_deleted" BOOLEAN  );

CREATE TABLE "crm"."dim_exchange_rate" (
"tenant_id" VARCHAR  NOT NULL,
"base_currency" VARCHAR  NOT NULL,
"currency" VARCHAR  NOT NULL,
"valid_from" DATE  ,
"valid_to" DATE  ,
"rate" DECIMAL(24,12)  ,
"is_deleted" BOOLEAN  );

CREATE TABLE "crm"."fct_deal" (
"tenant_id" VARCHAR  NOT NULL,
"deal_id" VARCHAR  NOT NULL,
"version" BIGINT  ,
"name" VARCHAR  ,
"pipeline_id" VARCHAR  ,
"stage_id" VARCHAR  ,
"owner_id" VARCHAR  ,
"contact_id" VARCHAR  ,
"status" VARCHAR  ,
"amount" DECIMAL(18,4)  ,
"currency" VARCHAR  ,
"amount_base" DECIMAL(38,16)  ,
"base_currency" VARCHAR  ,
"close_date" DATE  ,
"created_at" TIMESTAMP WITH TIME ZONE  ,
"stage_changed_at" TIMESTAMP WITH TIME ZONE  ,
"closed_at" TIMESTAMP WITH TIME ZONE  ,
"lost_reason" VARCHAR  ,
"is_deleted" BOOLEAN  );

CREATE TABLE "crm"."fct_deal_history" (
"tenant_id" VARCHAR  NOT NULL,
"deal_id" VARCHAR  NOT NULL,
"valid_from" TIMESTAMP WITH TIME ZONE  ,
"valid_to" TIMESTAMP WITH TIME ZONE  ,
"is_current" BOOLEAN  ,
"pipeline_id" VARCHAR  ,
"stage_id" VARCHAR  ,
"owner_id" VARCHAR  ,
"status" VARCHAR  ,
"amount" DECIMAL(18,4)  ,
"currency" VARCHAR  ,
"close_date" DATE  ,
"stage_changed_at" TIMESTAMP WITH TIME ZONE  ,
"closed_at" TIMESTAMP WITH TIME ZONE  ,
"is_deleted" BOOLEAN  );

CREATE TABLE "crm"."fct_stage_move" (
"tenant_id" VARCHAR  NOT NULL,
"deal_id" VARCHAR  NOT NULL,
"version" BIGINT  ,
"pipeline_id" VARCHAR  ,
"from_stage_id" VARCHAR  ,
"to_stage_id" VARCHAR  ,
"moved_at" TIMESTAMP WITH TIME ZONE  ,
"moved_by" VARCHAR  ,
"owner_id" VARCHAR  ,
"amount" DECIMAL(18,4)  ,
"currency" VARCHAR  ,
"is_deleted" BOOLEAN  );

CREATE TABLE "crm"."fct_activity" (
"tenant_id" VARCHAR  NOT NULL,
"activity_id" VARCHAR  NOT NULL,
"type" VARCHAR  ,
"user_id" VARCHAR  ,
"deal_id" VARCHAR  ,
"direction" VARCHAR  ,
"occurred_at" TIMESTAMP WITH TIME ZONE  ,
"completed_at" TIMESTAMP WITH TIME ZONE  ,
"thread_id" VARCHAR  ,
"in_reply_to" VARCHAR  ,
"is_automatic" BOOLEAN  ,
"is_system" BOOLEAN  ,
"is_deleted" BOOLEAN  );

CREATE TABLE "crm"."brg_activity_contact" (
"tenant_id" VARCHAR  NOT NULL,
"activity_id" VARCHAR  NOT NULL,
"position" BIGINT  ,
"contact_id" VARCHAR  ,
"is_deleted" BOOLEAN  );

CREATE TABLE "crm"."fct_quota" (
"tenant_id" VARCHAR  NOT NULL,
"quota_id" VARCHAR  NOT NULL,
"user_id" VARCHAR  ,
"month" DATE  ,
"amount" DECIMAL(18,4)  ,
"currency" VARCHAR  ,
"amount_base" DECIMAL(38,16)  ,
"base_currency" VARCHAR  ,
"is_deleted" BOOLEAN  );

