"""The known columns of each raw collection, for discovery.

A column is text, or has a type suffix: ``:i`` integer, ``:b`` boolean, ``:o`` object, ``:a``
array, ``:oa`` object or array. The tap also emits columns that are not in this table.
"""

from __future__ import annotations

_PEOPLE = "created_by updated_by"
_STAMPS = "created_timestamp updated_timestamp"
_META = (
    "fieldLabel fieldType fieldOptions:a fieldDefault fieldDefaultCurrency isFormVisible:i "
    "isRequired:i displayOrder:i personalization knownFieldId:i hideFieldFlag:i createdTimestamp "
    "updatedTimestamp createdBy:i updatedBy:i links:o"
)
_DATA = "customFieldId:i createdTimestamp updatedTimestamp fieldValue fieldCurrency links:o"
_COUNTERS = (
    "send_amt total_amt opens uniqueopens linkclicks uniquelinkclicks subscriberclicks forwards "
    "uniqueforwards hardbounces softbounces unsubscribes unsubreasons updates socialshares replies "
    "uniquereplies"
)

COLUMNS: dict[str, str] = {
    "accounts": "name accountUrl createdTimestamp updatedTimestamp owner contactCount dealCount "
    "links:o",
    "accountContacts": "account contact jobTitle createdTimestamp updatedTimestamp links:o",
    "accountCustomFieldMeta": _META,
    "accountCustomFieldData": f"accountCustomFieldMetumId:i accountId:i {_DATA}",
    "activities": "tstamp subscriberid reference_type reference_id reference_action jsonData "
    "userid permission referenceModelName notes:a recipients:a reference:o user",
    "addresses": "companyName address1 address2 city state district zip country allgroup isDefault "
    f"smsName {_PEOPLE} {_STAMPS} links:o",
    "audiences": "type attributes:o",
    "automations": "name cdate mdate userid status entered exited hidden entitlements_violation "
    "source description exit_on_unsubscribe exit_on_conversion multientry defaultscreenshot "
    "screenshot links:o",
    "automationBlocks": "automation parent ordernum params:oa deleted cdate mdate",
    "bounceLogs": "tstamp bounceid subscriberid campaignid messageid codeid email error source "
    f"{_STAMPS} {_PEOPLE} links:o bounce contact campaign message code",
    "brandings": "groupid siteName siteLogo siteLogoSmall headerTextValue headerHtmlValue "
    "footerTextValue footerHtmlValue copyright version license help adminTemplateHtm "
    "adminTemplateCss publicTemplateHtm publicTemplateCss favicon links:o",
    "calendars": "userid title type token notification cdate mdate links:o",
    "campaigns": "type userid segmentid bounceid realcid sendid threadid seriesid formid "
    "basetemplateid basemessageid addressid source name cdate mdate sdate ldate "
    f"{_COUNTERS} status public mail_transfer mail_send mail_cleanup mailer_log_file tracklinks "
    "tracklinksanalytics trackreads trackreadsanalytics analytics_campaign_name tweet facebook "
    "survey embed_images htmlunsub textunsub htmlunsubdata textunsubdata recurring willrecur "
    "split_type split_content split_offset split_offset_type split_winner_messageid "
    "split_winner_awaiting responder_offset responder_type responder_existing reminder_field "
    "reminder_format reminder_type reminder_offset reminder_offset_type reminder_offset_sign "
    "reminder_last_cron_run activerss_interval activerss_url activerss_items ip4 laststep "
    "managetext schedule scheduleddate waitpreview deletestamp replysys "
    f"{_STAMPS} {_PEOPLE} ip series_send_lock_time can_skip_approval use_quartz_scheduler "
    "verified_opens verified_unique_opens predictive_send repair_timestamp "
    "has_outdated_translations hasTranslations repair_by_pydex additional_data moderation_status "
    "numberOfMessages campaignIsText has_predictive_content campaign_message_id message_id format "
    "ed_version segmentname isDoubleOptInCampaign screenshot typeText statusToolTip statusString "
    "groupLimitViolation:b links:o user automation",
    "links": "campaignid messageid link name ref tracked uniquelinkclicks linkclicks "
    f"{_STAMPS} {_PEOPLE} campaign message",
    "campaignLists": "campaignid listid userid list_amt cdate udate name user list campaign",
    "campaignMessages": f"messageid campaignid percentage sourcesize {_COUNTERS} spamcheck_score "
    "subject screenshot campaign message",
    "configs": f"keyname section item userid val cdate udate {_STAMPS} {_PEOPLE} owner",
    "connections": "service externalid name isInternal status syncStatus lastSync logoUrl linkUrl "
    "listId cdate udate connectionType serviceName links:o",
    "contacts": "cdate email phone firstName lastName orgid orgname segmentio_id bounced_hard "
    "bounced_soft bounced_date ip ua hash socialdata_lastcheck email_local email_domain sentcnt "
    "rating_tstamp gravatar deleted anonymized adate udate edate deleted_at created_utc_timestamp "
    f"updated_utc_timestamp {_STAMPS} {_PEOPLE} mpp_tracking last_click_date last_open_date "
    "last_mpp_open_date best_send_hour sms_consent sms_consent_updated_at whatsapp_id "
    "whatsapp_username email_empty sentiment emailDomain scoreValues:a accountContacts:a links:o "
    "organization",
    "contactAutomations": "contact seriesid startid status batchid adddate remdate timespan "
    "lastblock lastlogid lastdate in_als completedElements:i totalElements:i completed:i "
    "completeValue:i links:o automation",
    "contactConversions": "contact conversion conversionTrigger convertedByType convertedById "
    "triggerType modifier value currency dynamic cdate",
    "contactData": "contact tstamp geoTstamp geoIp4 geoCountry2 geo_country geoState geoCity "
    "geoZip geoArea geoLat geoLon geoTz geoTzOffset ga_campaign_source ga_campaign_name "
    "ga_campaign_medium ga_campaign_term ga_campaign_content ga_campaign_customsegment "
    f"ga_first_visit ga_times_visited fb_id fb_name tw_id {_STAMPS} {_PEOPLE} links:o",
    "contactDeals": f"deal contact role cdate {_STAMPS} {_PEOPLE} links:o",
    "contactEmails": "messageid seriesid messageheader userid d_id subscriberid account ip sdate "
    "source user deal contact message",
    "contactGoals": "goalid seriesid subscriberid subscriberseriesid timespan tstamp links:o goal "
    "automation contact contactAutomation",
    "contactLists": "contact list form seriesid sdate udate status responder sync unsubreason "
    "campaign message first_name last_name ip4Sub sourceid autosyncLog ip4_last ip4Unsub "
    f"{_STAMPS} {_PEOPLE} unsubscribeAutomation channel links:o automation",
    "contactTags": f"contact tag cdate {_STAMPS} {_PEOPLE} links:o",
    "conversions": "name value currency limit enforcelimit cdate udate",
    "schemas": "slug visibility labels:o description fields:a relationships:a createdTimestamp "
    "updatedTimestamp",
    "records": "externalId schemaId fields:a relationships:o createdTimestamp updatedTimestamp",
    "dealActivities": "d_id d_stageid userid dataId dataType dataAction dataOldval cdate sortdate "
    "isAddtask deleted seriesid links:o deal stage user automation",
    "dealCustomFieldMeta": _META,
    "dealCustomFieldData": f"dealCustomFieldMetumId:i dealId:i {_DATA}",
    "dealGroups": "title currency autoassign allusers allgroups win_probability_initialize_date "
    "cdate udate source count stages:a links:o",
    "dealGroupUsers": "dealGroup user cdate",
    "dealGroupGroups": "d_groupid groupid cdate links:o dealGroup group",
    "dealRoles": f"title {_STAMPS} links:o",
    "deals": "hash owner contact organization group stage title description percent cdate mdate "
    "nextdate nexttaskid value currency winProbability:i winProbabilityMdate status activitycount "
    "nextdealid edate links:o isDisabled:b nextTask account customerAccount",
    "dealStages": "group title color order width dealOrder cardRegion1 cardRegion2 cardRegion3 "
    "cardRegion4 cardRegion5 cdate udate links:o",
    "dealTasks": "relid reltype dealTasktype user assignee automation cdate duedate edate duration "
    "status title note donedate doneAutomation udate owner:o outcomeId:i outcomeInfo links:o",
    "dealTasktypes": f"cdate udate defduration status title display_order outcomes {_PEOPLE} "
    "created_utc_timestamp updated_utc_timestamp links:o",
    "ecomCustomers": "connectionid externalid email totalRevenue totalOrders totalProducts "
    "avgRevenuePerOrder avgProductCategory tstamp acceptsMarketing links:o connection",
    "ecomOrders": "customerid connectionid state source externalid externalcheckoutid orderNumber "
    "email totalPrice discountAmount shippingAmount taxAmount totalProducts currency "
    "shippingMethod orderUrl externalCreatedDate externalUpdatedDate abandonedDate createdDate "
    "updatedDate orderDate tstamp links:o connection customer",
    "ecomOrderProducts": "orderid connectionid externalid sku name description price quantity "
    "category imageUrl productUrl createdDate updatedDate tstamp links:o ecomOrder",
    "emailActivities": "subscriberid userid d_id account reltype relid fromName fromAddress "
    "toAddress ccAddress subject message messageHtml tstamp reference:o contact deal user "
    "from_name sentiment links:o",
    "exclusions": "matchPhrase matchType channel hidden:b lists:a",
    "fields": "title descript type isrequired perstag defval show_in_list rows cols visible "
    f"service ordernum cdate udate {_STAMPS} {_PEOPLE} options:a relations:a links:o",
    "fieldOptions": "field orderid value label isdefault cdate udate links:o",
    "fieldRels": "field relid dorder cdate links:oa",
    "fieldValues": f"contact field value cdate udate {_PEOPLE} links:o owner",
    "forms": "name action actiondata:oa submit submitdata:oa url layout title body button thanks "
    "style:oa options:oa cfields:a parentformid userid addressid cdate udate source aid "
    "defaultscreenshot recent:a contacts:i deals:i entries:i links:o address",
    "geoIps": "contact campaignid messageid geoaddrid ip4 tstamp links:o geoAddress",
    "goals": "blockid seriesid name cdate dirty_stats automation automationBlock",
    "groupLimits": "groupid limitMail limitMailType limitContact limitList limitCampaign "
    "limitCampaignType limitAttachment limitUser abuseRatio forceSenderInfo links:o group",
    "groupDefinitions": "type_id:i label ordernum:i links:o",
    "groups": "title descript unsubscribelink optinconfirm p_admin sdate reqApproval "
    "reqApproval1st reqApprovalNotify socialdata links:o",
    "lists": "stringid userid name cdate p_use_tracking p_use_analytics_read p_use_analytics_link "
    "p_use_twitter p_use_facebook p_embed_image p_use_captcha send_last_broadcast private "
    "analytics_domains analytics_source analytics_ua twitter_token twitter_token_secret "
    "facebook_session carboncopy subscription_notify unsubscription_notify require_name "
    "get_unsubscribe_reason to_name optinoptout sender_name sender_addr1 sender_addr2 sender_city "
    "sender_state sender_zip sender_country sender_phone sender_url sender_reminder fulladdress "
    f"optinmessageid optoutconf deletestamp udate {_STAMPS} {_PEOPLE} channel description "
    "non_deleted_subscribers active_subscribers links:o user",
    "listGroups": "list group p_list_add p_list_edit p_list_delete p_list_sync p_list_filter "
    "p_message_add p_message_edit p_message_delete p_message_send p_subscriber_add "
    "p_subscriber_edit p_subscriber_delete p_subscriber_import p_subscriber_approve links:o",
    "messages": "userid ed_instanceid ed_version cdate mdate name fromname fromemail reply2 "
    "priority charset encoding format subject preheader_text text html htmlfetch textfetch hidden "
    "preview_mime preview_data source language_code has_predictive_content links:o user",
    "notes": "relid reltype userid is_draft cdate mdate note links:o user owner:o",
    "personalizations": "name tag format content listIds listNames listsCount isLocked:b links:o",
    "savedResponses": "title subject body ldate last_sent_user_id cdate mdate links:o",
    "scores": "reltype name descript status cdate mdate links:oa",
    "scoreValues": "score contact deal cdate mdate scoreValue links:o",
    "segments": f"name logic hidden seriesid segmentid_v2 {_PEOPLE} {_STAMPS} links:oa",
    "siteMessages": "name automation template:oa ldate",
    "sms": "userid seriesid msg tstamp tf_day tf_hr_from tf_hr_to sent failed unsubscribes replies "
    "uniquereplies sdate ldate user automation",
    "tags": f"tagType tag description subscriber_count cdate {_STAMPS} {_PEOPLE} deleted links:o",
    "taskOutcomes": f"title sentiment disabled {_PEOPLE} created_utc_timestamp "
    "updated_utc_timestamp dealTasktype_ids:a links:o",
    "tasktypeOutcomeRels": f"tasktype_id outcome_id display_order {_PEOPLE} created_utc_timestamp "
    "updated_utc_timestamp links:o tasktype outcome createdBy",
    "templates": "userid ed_instanceid ed_version name subject content categoryid used waitpreview "
    "importnum mdate preview_content modified hidden screenshot links:o",
    "trackingLogs": "subscriberid type value tstamp hash links:o contact",
    "urlWhitelistings": "type attributes:o",
    "users": "username firstName lastName email phone signature lang localZoneid mfaEnabled cdate "
    "udate password_updated_utc_timestamp roles:a links:o",
    "webhooks": "cdate listid name url events:a sources:a state deactivated_date links:oa",
    "bulkImports": "batches contacts",
}
