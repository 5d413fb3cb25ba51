"""Microsoft's own Python clients (msal, azure-identity, msgraph-sdk) against the sandbox. They are
told nothing but what their documentation names for a private cloud: the authority is known
beforehand (no instance discovery), Graph's host is allowed, its base address is given."""

import asyncio
import json
import os
import sys
import traceback
import uuid
from urllib.parse import urlsplit

import msal
from azure.identity import ClientSecretCredential
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_authentication_azure.azure_identity_authentication_provider import (
    AzureIdentityAuthenticationProvider,
)
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.models.body_type import BodyType
from msgraph.generated.models.email_address import EmailAddress
from msgraph.generated.models.file_attachment import FileAttachment
from msgraph.generated.models.item_body import ItemBody
from msgraph.generated.models.message import Message
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.recipient import Recipient
from msgraph.generated.users.item.mail_folders.item.messages.messages_request_builder import (
    MessagesRequestBuilder,
)
from msgraph.generated.users.item.send_mail.send_mail_post_request_body import (
    SendMailPostRequestBody,
)
from signin import sign_in

SANDBOX = json.loads(os.environ["SANDBOX"])
AUTHORITY = f"{SANDBOX['authorityUrl']}/{SANDBOX['tenantId']}"
GRAPH = SANDBOX["graphUrl"]
USER = SANDBOX["users"][0]
OTHER = SANDBOX["users"][1]
REDIRECT_URI = "http://localhost:53682/callback"
DELEGATED = [f"{GRAPH}/{name}" for name in ("User.Read", "Mail.ReadWrite", "Mail.Send")]


def msal_client(secret=SANDBOX["clientSecret"]):
    return msal.ConfidentialClientApplication(
        SANDBOX["clientId"],
        client_credential=secret,
        authority=AUTHORITY,
        instance_discovery=False,
    )


def graph_client():
    credential = ClientSecretCredential(
        SANDBOX["tenantId"],
        SANDBOX["clientId"],
        SANDBOX["clientSecret"],
        authority=SANDBOX["authorityUrl"],
        disable_instance_discovery=True,
    )
    provider = AzureIdentityAuthenticationProvider(
        credential,
        scopes=[f"{GRAPH}/.default"],
        allowed_hosts=[urlsplit(GRAPH).netloc, urlsplit(GRAPH).hostname],
    )
    adapter = GraphRequestAdapter(provider)
    adapter.base_url = f"{GRAPH}/v1.0"
    return GraphServiceClient(request_adapter=adapter)


def require(condition, said):
    if not condition:
        raise AssertionError(said)


def test_msal_client_credentials():
    client = msal_client()
    answer = client.acquire_token_for_client([f"{GRAPH}/.default"])
    require("access_token" in answer, answer)
    require("refresh_token" not in answer, "the application gets no refresh token")
    again = client.acquire_token_for_client([f"{GRAPH}/.default"])
    require(again["token_source"] == "cache", "the second token comes from msal's cache")


def test_msal_wrong_secret():
    answer = msal_client("wrong").acquire_token_for_client([f"{GRAPH}/.default"])
    require(answer.get("error") == "invalid_client", answer)
    require(7000215 in answer.get("error_codes", []), answer)


def test_msal_authorization_code_and_refresh():
    client = msal_client()
    flow = client.initiate_auth_code_flow(DELEGATED, redirect_uri=REDIRECT_URI)
    arrived = sign_in(
        flow["auth_uri"], USER["userPrincipalName"], USER["password"], REDIRECT_URI
    )
    answer = client.acquire_token_by_auth_code_flow(flow, arrived)
    require("access_token" in answer, answer)
    claims = answer["id_token_claims"]
    require(claims["preferred_username"] == USER["userPrincipalName"], claims)
    account = client.get_accounts()[0]
    refreshed = client.acquire_token_silent_with_error(DELEGATED, account, force_refresh=True)
    require("access_token" in (refreshed or {}), refreshed)
    require(refreshed["token_source"] == "identity_provider", refreshed.get("token_source"))
    require(refreshed["access_token"] != answer["access_token"], "the refresh brings a new token")


def test_msal_code_is_single_use():
    client = msal_client()
    flow = client.initiate_auth_code_flow(DELEGATED, redirect_uri=REDIRECT_URI)
    arrived = sign_in(
        flow["auth_uri"], USER["userPrincipalName"], USER["password"], REDIRECT_URI
    )
    client.acquire_token_by_auth_code_flow(dict(flow), arrived)
    again = msal_client().acquire_token_by_auth_code_flow(dict(flow), arrived)
    require(again.get("error") == "invalid_grant", again)


async def test_graph_folders():
    folders = await graph_client().users.by_user_id(USER["userPrincipalName"]).mail_folders.get()
    names = [folder.display_name for folder in folders.value]
    require(len(names) >= 4, names)
    inbox = (
        await graph_client()
        .users.by_user_id(USER["userPrincipalName"])
        .mail_folders.by_mail_folder_id("inbox")
        .get()
    )
    require(inbox.total_item_count is not None and inbox.id, inbox)


async def test_graph_pages():
    client = graph_client()
    messages = client.users.by_user_id(USER["userPrincipalName"]).mail_folders.by_mail_folder_id(
        "inbox"
    ).messages
    query = MessagesRequestBuilder.MessagesRequestBuilderGetQueryParameters(
        top=5, select=["id", "subject", "receivedDateTime"]
    )
    page = await messages.get(request_configuration=RequestConfiguration(query_parameters=query))
    seen, pages = [], 0
    while page:
        seen += [message.id for message in page.value]
        pages += 1
        if not page.odata_next_link:
            break
        page = await messages.with_url(page.odata_next_link).get()
    inbox = await client.users.by_user_id(
        USER["userPrincipalName"]
    ).mail_folders.by_mail_folder_id("inbox").get()
    require(pages > 1, "more than one page")
    require(len(set(seen)) == len(seen) == inbox.total_item_count, f"{len(seen)} messages")


async def test_graph_delta():
    client = graph_client()
    inbox = client.users.by_user_id(USER["userPrincipalName"]).mail_folders.by_mail_folder_id(
        "inbox"
    )
    page = await inbox.messages.delta.get()
    count = 0
    while True:
        count += len(page.value)
        if page.odata_delta_link:
            break
        page = await inbox.messages.delta.with_url(page.odata_next_link).get()
    total = (await inbox.get()).total_item_count
    require(count == total, f"delta brings {count} of {total}")
    level = await inbox.messages.delta.with_url(page.odata_delta_link).get()
    require(not level.value and level.odata_delta_link, "nothing new since")
    created = await inbox.messages.post(Message(subject="seen by delta"))
    after = await inbox.messages.delta.with_url(level.odata_delta_link).get()
    require([m.subject for m in after.value] == ["seen by delta"], after.value)
    await client.users.by_user_id(USER["userPrincipalName"]).messages.by_message_id(
        created.id
    ).delete()


async def test_graph_send_with_attachment():
    client = graph_client()
    mark = str(uuid.uuid4())
    content = bytes(range(256)) * 40
    body = SendMailPostRequestBody(
        message=Message(
            subject=f"With a file {mark}",
            body=ItemBody(content_type=BodyType.Html, content="<p>Hello</p>"),
            to_recipients=[
                Recipient(email_address=EmailAddress(address=OTHER["userPrincipalName"]))
            ],
            attachments=[
                FileAttachment(
                    odata_type="#microsoft.graph.fileAttachment",
                    name="bytes.bin",
                    content_type="application/octet-stream",
                    content_bytes=content,
                )
            ],
        ),
        save_to_sent_items=True,
    )
    await client.users.by_user_id(USER["userPrincipalName"]).send_mail.post(body)
    for user, folder in ((OTHER, "inbox"), (USER, "sentitems")):
        mailbox = client.users.by_user_id(user["userPrincipalName"])
        query = MessagesRequestBuilder.MessagesRequestBuilderGetQueryParameters(
            filter=f"subject eq 'With a file {mark}'", expand=["attachments"]
        )
        for _ in range(20):
            found = await mailbox.mail_folders.by_mail_folder_id(folder).messages.get(
                request_configuration=RequestConfiguration(query_parameters=query)
            )
            if found.value:
                break
            await asyncio.sleep(0.25)
        require(len(found.value) == 1, f"{len(found.value)} in {folder}")
        attachment = found.value[0].attachments[0]
        require(attachment.name == "bytes.bin", attachment.name)
        require(attachment.content_bytes == content, "the bytes arrive as they left")


async def test_graph_photo():
    photo = await graph_client().users.by_user_id(USER["userPrincipalName"]).photo.content.get()
    require(photo[:2] == b"\xff\xd8", photo[:8])


async def test_graph_error():
    try:
        await graph_client().users.by_user_id("nobody@nowhere.example").get()
    except ODataError as error:
        require(error.response_status_code == 404, error.response_status_code)
        require(error.error.code == "Request_ResourceNotFound", error.error.code)
        require(error.error.inner_error.request_id, "an error has a request id")
    else:
        raise AssertionError("an unknown user is an error")


def main():
    passed = failed = 0
    for name, test in list(globals().items()):
        if not name.startswith("test_"):
            continue
        try:
            outcome = test()
            if asyncio.iscoroutine(outcome):
                asyncio.run(outcome)
        except Exception:  # every failure is told, none ends the run
            failed += 1
            print(f"python {name[5:]}: FAILED")
            traceback.print_exc(file=sys.stdout)
        else:
            passed += 1
            print(f"python {name[5:]}: ok")
    print(f"python: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
