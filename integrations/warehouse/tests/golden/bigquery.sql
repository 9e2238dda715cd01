CREATE TABLE `your-project`.`crm`.`dim_date` (
`date` DATE  NOT NULL OPTIONS (description='The day; the key'),
`year` INT64   OPTIONS (description='Calendar year'),
`quarter` INT64   OPTIONS (description='1 to 4'),
`month` INT64   OPTIONS (description='1 to 12'),
`day_of_month` INT64   OPTIONS (description='1 to 31'),
`day_of_week` INT64   OPTIONS (description='ISO 8601: 1 is Monday, 7 is Sunday'),
`iso_year` INT64   OPTIONS (description='ISO 8601: the year that iso_week is of'),
`iso_week` INT64   OPTIONS (description='ISO 8601: 1 to 53'),
`month_start` DATE   OPTIONS (description='The first day of its month: what fct_quota.month names'),
`quarter_start` DATE   OPTIONS (description='The first day of its quarter'));

CREATE TABLE `your-project`.`crm`.`dim_tenant` (
`tenant_id` STRING(36)  NOT NULL OPTIONS (description='The tenant whose row it is; in every key'),
`name` STRING   OPTIONS (description='What the tenant calls itself'),
`base_currency` STRING   OPTIONS (description='ISO 4217: what amount_base is in'),
`time_zone` STRING   OPTIONS (description='IANA name: what a day is by default, and the day of a rate'),
`is_deleted` BOOL   OPTIONS (description='Always false: how a deletion travels. Its rows are removed, and this one is not kept'));

CREATE TABLE `your-project`.`crm`.`dim_user` (
`tenant_id` STRING(36)  NOT NULL OPTIONS (description='The tenant whose row it is; in every key'),
`user_id` STRING(36)  NOT NULL OPTIONS (description='What owner_id, moved_by and the like name'),
`full_name` STRING   OPTIONS (description='The user\'s name'),
`role` STRING   OPTIONS (description='What they may do: ADMIN, MANAGER, REP'),
`manager_id` STRING(36)   OPTIONS (description='Whom they report to now: a user; null for none'),
`is_active` BOOL   OPTIONS (description='False once they have left'),
`time_zone` STRING   OPTIONS (description='IANA name; null: the tenant\'s'),
`is_deleted` BOOL   OPTIONS (description='Always false: how a deletion travels. Its rows are removed, and this one is not kept'));

CREATE TABLE `your-project`.`crm`.`dim_contact` (
`tenant_id` STRING(36)  NOT NULL OPTIONS (description='The tenant whose row it is; in every key'),
`contact_id` STRING(36)  NOT NULL OPTIONS (description='What contact_id in facts names, if the contact is still there'),
`owner_id` STRING(36)   OPTIONS (description='The user who answers for the contact'),
`source` STRING   OPTIONS (description='Where the contact came from, in the API\'s words'),
`is_deleted` BOOL   OPTIONS (description='Always false: how a deletion travels. Its rows are removed, and this one is not kept'));

CREATE TABLE `your-project`.`crm`.`dim_pipeline` (
`tenant_id` STRING(36)  NOT NULL OPTIONS (description='The tenant whose row it is; in every key'),
`pipeline_id` STRING(36)  NOT NULL OPTIONS (description='What pipeline_id names'),
`name` STRING   OPTIONS (description='As it is called now'),
`is_default` BOOL   OPTIONS (description='Whether reports mean it where none is named'),
`is_archived` BOOL   OPTIONS (description='Whether it takes no new deals'),
`is_deleted` BOOL   OPTIONS (description='Always false: how a deletion travels. Its rows are removed, and this one is not kept'));

CREATE TABLE `your-project`.`crm`.`dim_stage` (
`tenant_id` STRING(36)  NOT NULL OPTIONS (description='The tenant whose row it is; in every key'),
`pipeline_id` STRING(36)  NOT NULL OPTIONS (description='The pipeline it is or was part of'),
`stage_id` STRING(36)   OPTIONS (description='What stage_id names'),
`name` STRING   OPTIONS (description='As it is called now'),
`kind` STRING   OPTIONS (description='OPEN, WON or LOST: what a deal in it is'),
`win_probability` INT64   OPTIONS (description='Percent, 0 to 100; weighted = amount x it / 100'),
`position` INT64   OPTIONS (description='Its place in the pipeline, from 0'),
`is_removed` BOOL   OPTIONS (description='Whether its pipeline has it no more'),
`is_deleted` BOOL   OPTIONS (description='Always false: how a deletion travels. Its rows are removed, and this one is not kept'));

CREATE TABLE `your-project`.`crm`.`dim_stage_history` (
`tenant_id` STRING(36)  NOT NULL OPTIONS (description='The tenant whose row it is; in every key'),
`pipeline_id` STRING(36)  NOT NULL OPTIONS (description='The pipeline'),
`stage_id` STRING(36)   OPTIONS (description='The stage'),
`version` INT64   OPTIONS (description='The pipeline\'s version that had it so; with stage_id the row\'s key'),
`valid_from` TIMESTAMP   OPTIONS (description='UTC: from when on'),
`valid_to` TIMESTAMP   OPTIONS (description='UTC: until before when; null: still so'),
`name` STRING   OPTIONS (description='As it was called then'),
`kind` STRING   OPTIONS (description='OPEN, WON or LOST'),
`win_probability` INT64   OPTIONS (description='Percent, 0 to 100'),
`position` INT64   OPTIONS (description='Its place in the pipeline, from 0'),
`is_deleted` BOOL   OPTIONS (description='Always false: how a deletion travels. Its rows are removed, and this one is not kept'));

CREATE TABLE `your-project`.`crm`.`dim_exchange_rate` (
`tenant_id` STRING(36)  NOT NULL OPTIONS (description='The tenant whose row it is; in every key'),
`base_currency` STRING  NOT NULL OPTIONS (description='ISO 4217: what the rate converts to'),
`currency` STRING  NOT NULL OPTIONS (description='ISO 4217: what the rate converts from'),
`valid_from` DATE   OPTIONS (description='The first day that it counts for; with the currencies the key'),
`valid_to` DATE   OPTIONS (description='The first day that it counts for no more; null: still counts'),
`rate` BIGNUMERIC(24,12)   OPTIONS (description='Base units for 1 unit of the currency'),
`is_deleted` BOOL   OPTIONS (description='Always false: how a deletion travels. Its rows are removed, and this one is not kept'));

CREATE TABLE `your-project`.`crm`.`fct_deal` (
`tenant_id` STRING(36)  NOT NULL OPTIONS (description='The tenant whose row it is; in every key'),
`deal_id` STRING(36)  NOT NULL OPTIONS (description='The deal'),
`version` INT64   OPTIONS (description='The deal\'s version: it grows by one with every change'),
`name` STRING   OPTIONS (description='What the deal is called: free text'),
`pipeline_id` STRING(36)   OPTIONS (description='dim_pipeline'),
`stage_id` STRING(36)   OPTIONS (description='dim_stage'),
`owner_id` STRING(36)   OPTIONS (description='dim_user: who answers for it; null: nobody'),
`contact_id` STRING(36)   OPTIONS (description='dim_contact, if it is still there'),
`status` STRING   OPTIONS (description='OPEN, WON or LOST'),
`amount` NUMERIC(18,4)   OPTIONS (description='In the row\'s currency, exactly; null: none was given'),
`currency` STRING   OPTIONS (description='ISO 4217: what amount is in'),
`amount_base` BIGNUMERIC(38,16)   OPTIONS (description='amount at the rate of the closing\'s day, of an open deal at the last rate; not rounded; null: no rate'),
`base_currency` STRING   OPTIONS (description='ISO 4217: what amount_base is in, the tenant\'s at the last change'),
`close_date` DATE   OPTIONS (description='dim_date: when it is expected to close'),
`created_at` TIMESTAMP   OPTIONS (description='UTC: when it came to be, in business time'),
`stage_changed_at` TIMESTAMP   OPTIONS (description='UTC: when it came into its stage'),
`closed_at` TIMESTAMP   OPTIONS (description='UTC: when it was won or lost; null while open'),
`lost_reason` STRING   OPTIONS (description='Why it was lost: free text; null: none given'),
`is_deleted` BOOL   OPTIONS (description='Always false: how a deletion travels. Its rows are removed, and this one is not kept'));

CREATE TABLE `your-project`.`crm`.`fct_deal_history` (
`tenant_id` STRING(36)  NOT NULL OPTIONS (description='The tenant whose row it is; in every key'),
`deal_id` STRING(36)  NOT NULL OPTIONS (description='The deal'),
`valid_from` TIMESTAMP   OPTIONS (description='UTC: from when on; with deal_id the row\'s key'),
`valid_to` TIMESTAMP   OPTIONS (description='UTC: until before when; null: still so'),
`is_current` BOOL   OPTIONS (description='Whether it is what the deal is now'),
`pipeline_id` STRING(36)   OPTIONS (description='dim_pipeline'),
`stage_id` STRING(36)   OPTIONS (description='dim_stage; its probability then: dim_stage_history'),
`owner_id` STRING(36)   OPTIONS (description='dim_user: who answered for it then'),
`status` STRING   OPTIONS (description='OPEN, WON or LOST'),
`amount` NUMERIC(18,4)   OPTIONS (description='In the row\'s currency, exactly; null: none was given'),
`currency` STRING   OPTIONS (description='ISO 4217: what amount is in'),
`close_date` DATE   OPTIONS (description='dim_date: when it was then expected to close'),
`stage_changed_at` TIMESTAMP   OPTIONS (description='UTC: when it had come into that stage'),
`closed_at` TIMESTAMP   OPTIONS (description='UTC: when it had been won or lost'),
`is_deleted` BOOL   OPTIONS (description='Always false: how a deletion travels. Its rows are removed, and this one is not kept'));

CREATE TABLE `your-project`.`crm`.`fct_stage_move` (
`tenant_id` STRING(36)  NOT NULL OPTIONS (description='The tenant whose row it is; in every key'),
`deal_id` STRING(36)  NOT NULL OPTIONS (description='The deal'),
`version` INT64   OPTIONS (description='The deal\'s version after it; with deal_id the row\'s key'),
`pipeline_id` STRING(36)   OPTIONS (description='dim_pipeline; null: not known'),
`from_stage_id` STRING(36)   OPTIONS (description='dim_stage: where it came from; null: it was created'),
`to_stage_id` STRING(36)   OPTIONS (description='dim_stage: where it went'),
`moved_at` TIMESTAMP   OPTIONS (description='UTC: when, in business time'),
`moved_by` STRING(36)   OPTIONS (description='dim_user: who moved it; null: the system, or not known'),
`owner_id` STRING(36)   OPTIONS (description='dim_user: who answered for it then; null: nobody, or not known'),
`amount` NUMERIC(18,4)   OPTIONS (description='As it was then, in currency; null: none, or not known'),
`currency` STRING   OPTIONS (description='ISO 4217; null: not known'),
`is_deleted` BOOL   OPTIONS (description='Always false: how a deletion travels. Its rows are removed, and this one is not kept'));

CREATE TABLE `your-project`.`crm`.`fct_activity` (
`tenant_id` STRING(36)  NOT NULL OPTIONS (description='The tenant whose row it is; in every key'),
`activity_id` STRING(36)  NOT NULL OPTIONS (description='The activity'),
`type` STRING   OPTIONS (description='EMAIL, CALL, MEETING, NOTE or TASK'),
`user_id` STRING(36)   OPTIONS (description='dim_user: who did it, or got it'),
`deal_id` STRING(36)   OPTIONS (description='fct_deal, if it is still there'),
`direction` STRING   OPTIONS (description='INBOUND or OUTBOUND; null where there is none'),
`occurred_at` TIMESTAMP   OPTIONS (description='UTC: when it was, or is due'),
`completed_at` TIMESTAMP   OPTIONS (description='UTC: when a task was done'),
`thread_id` STRING(36)   OPTIONS (description='What e-mails of one conversation share'),
`in_reply_to` STRING(36)   OPTIONS (description='fct_activity: the message that it answers'),
`is_automatic` BOOL   OPTIONS (description='Sent by a machine: reports leave it out'),
`is_system` BOOL   OPTIONS (description='Written by the suite itself: reports leave it out'),
`is_deleted` BOOL   OPTIONS (description='Always false: how a deletion travels. Its rows are removed, and this one is not kept'));

CREATE TABLE `your-project`.`crm`.`brg_activity_contact` (
`tenant_id` STRING(36)  NOT NULL OPTIONS (description='The tenant whose row it is; in every key'),
`activity_id` STRING(36)  NOT NULL OPTIONS (description='fct_activity'),
`position` INT64   OPTIONS (description='From 0, which is the main one; with activity_id the row\'s key'),
`contact_id` STRING(36)   OPTIONS (description='dim_contact, if it is still there'),
`is_deleted` BOOL   OPTIONS (description='Always false: how a deletion travels. Its rows are removed, and this one is not kept'));

CREATE TABLE `your-project`.`crm`.`fct_quota` (
`tenant_id` STRING(36)  NOT NULL OPTIONS (description='The tenant whose row it is; in every key'),
`quota_id` STRING(36)  NOT NULL OPTIONS (description='The quota'),
`user_id` STRING(36)   OPTIONS (description='dim_user: whose it is, also once they have left'),
`month` DATE   OPTIONS (description='dim_date: the first day of the month'),
`amount` NUMERIC(18,4)   OPTIONS (description='In currency, exactly'),
`currency` STRING   OPTIONS (description='ISO 4217: what amount is in'),
`amount_base` BIGNUMERIC(38,16)   OPTIONS (description='amount at the rate of month; not rounded; null: no rate'),
`base_currency` STRING   OPTIONS (description='ISO 4217: what amount_base is in, the tenant\'s at the last change'),
`is_deleted` BOOL   OPTIONS (description='Always false: how a deletion travels. Its rows are removed, and this one is not kept'));

