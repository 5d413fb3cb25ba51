<#
.SYNOPSIS
Limits an application to chosen mailboxes (RBAC for Applications in Exchange Online).

.DESCRIPTION
Makes a mail-enabled security group of the mailboxes, a management scope on it, and gives the
application its roles within that scope. Can be run again: what is there already is kept, mailboxes
that are missing are added, nothing is taken away.

Run it as a member of the role group Organization Management (Exchange Administrator in Entra ID),
with the module ExchangeOnlineManagement (Install-Module ExchangeOnlineManagement).
#>
#Requires -Modules ExchangeOnlineManagement
[CmdletBinding()]
param(
    # Object ID of the ENTERPRISE application: Entra admin center, Enterprise applications, the
    # application, Overview. It is not the object ID of the app registration.
    [string] $ObjectId = {{object id}},

    # The mailboxes that the application may reach.
    [string[]] $Mailboxes = {{mailboxes}},

    # A mailbox that it must not reach, for the test at the end. Left empty, one is picked.
    [string] $Outside = ''
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

$AppId = {{app id}}
$Name = {{name}}
$Connection = {{connection}}
$Roles = {{roles}}

if (-not $ObjectId) {
    throw 'Give -ObjectId: the Object ID of the enterprise application (Entra admin center, Enterprise applications, the application, Overview).'
}

Connect-ExchangeOnline -ShowBanner:$false{{environment}}

# A tenant in which roles were never changed has to be prepared once.
if ((Get-OrganizationConfig).IsDehydrated) {
    Enable-OrganizationCustomization
}

# 1. Exchange's pointer to the application.
$Principal = Get-ServicePrincipal | Where-Object { $_.AppId -eq $AppId } | Select-Object -First 1
if (-not $Principal) {
    $Principal = New-ServicePrincipal -AppId $AppId -ObjectId $ObjectId -DisplayName $Name
}

# 2. The mailboxes. A name, an alias or a second address can be those of several, or not be the first
# address: each is looked up once, and what follows goes by its GUID.
$Reached = @(foreach ($Mailbox in $Mailboxes) {
    $Found = @(Get-Mailbox -Identity $Mailbox)
    if ($Found.Count -ne 1) {
        throw ('Not one mailbox but ' + $Found.Count + ' are called ' + $Mailbox)
    }
    $Found[0]
})
$Guids = @($Reached | ForEach-Object { [string] $_.Guid })

# Only direct members count, not those of groups within the group.
$Group = Get-DistributionGroup -Identity $Name -ErrorAction SilentlyContinue
if (-not $Group) {
    $Group = New-DistributionGroup -Name $Name -Alias {{alias}} -Type Security -Members $Guids
    Set-DistributionGroup -Identity $Name -HiddenFromAddressListsEnabled $true
}
$Members = @(Get-DistributionGroupMember -Identity $Name -ResultSize Unlimited)
$MemberGuids = @($Members | ForEach-Object { [string] $_.Guid })
foreach ($Guid in $Guids) {
    if ($MemberGuids -notcontains $Guid) {
        Add-DistributionGroupMember -Identity $Name -Member $Guid -BypassSecurityGroupManagerCheck -ErrorAction Continue
    }
}
foreach ($Member in $Members) {
    if ($Guids -notcontains [string] $Member.Guid) {
        Write-Warning ('In the group besides, and so within reach: ' + $Member.PrimarySmtpAddress)
    }
}

# 3. The scope.
$Filter = 'MemberOfGroup -eq ''' + ([string] $Group.DistinguishedName).Replace('''', '''''') + ''''
if (Get-ManagementScope -Identity $Name -ErrorAction SilentlyContinue) {
    Set-ManagementScope -Identity $Name -RecipientRestrictionFilter $Filter
} else {
    New-ManagementScope -Name $Name -RecipientRestrictionFilter $Filter | Out-Null
}

# 4. The roles, within the scope.
foreach ($Role in $Roles) {
    $Assignment = {{short}} + ' ' + $Role
    if (Get-ManagementRoleAssignment -Identity $Assignment -ErrorAction SilentlyContinue) {
        Set-ManagementRoleAssignment -Identity $Assignment -CustomResourceScope $Name
    } else {
        New-ManagementRoleAssignment -Name $Assignment -App $Principal.ObjectId -Role $Role -CustomResourceScope $Name | Out-Null
    }
}

# 5. The test. It asks Exchange alone, and sees nothing of permissions granted in Entra ID.
$Well = $true
foreach ($Mailbox in $Reached) {
    $Tested = @(Test-ServicePrincipalAuthorization -Identity $Principal.ObjectId -Resource ([string] $Mailbox.Guid))
    $Tested | Format-Table -Property RoleName, AllowedResourceScope, InScope
    foreach ($Role in $Roles) {
        if (-not ($Tested | Where-Object { $_.RoleName -eq $Role -and [string] $_.InScope -eq 'True' })) {
            $Well = $false
            Write-Warning ($Role + ' does not reach ' + $Mailbox.PrimarySmtpAddress)
        }
    }
}
if ($Outside) {
    $Other = Get-Mailbox -Identity $Outside | Select-Object -First 1
} else {
    $Inside = $Guids + $MemberGuids
    $Other = Get-Mailbox -RecipientTypeDetails UserMailbox -ResultSize 200 -WarningAction SilentlyContinue |
        Where-Object { $Inside -notcontains [string] $_.Guid } |
        Select-Object -First 1
}
if ($Other) {
    $Tested = @(Test-ServicePrincipalAuthorization -Identity $Principal.ObjectId -Resource ([string] $Other.Guid))
    $Tested | Format-Table -Property RoleName, AllowedResourceScope, InScope
    if ($Tested | Where-Object { [string] $_.InScope -eq 'True' }) {
        $Well = $false
        Write-Warning ('The application reaches ' + $Other.PrimarySmtpAddress + ', which is not among the mailboxes.')
    }
}
if ($Well) {
    Write-Host 'Exchange has the limit as it is meant.'
}

# 6. What is left to do.
Write-Host ''
Write-Host 'Now take the same permissions from the application in Entra ID. Both are added up: as long as Entra ID grants them, nothing is limited.'
Write-Host '  Entra admin center, App registrations, the application, API permissions:'
Write-Host ('  remove these APPLICATION permissions of Microsoft Graph: ' + {{remove}})
Write-Host '  Leave the others (User.ReadBasic.All and the like); consent to them is kept.'
Write-Host 'Then wait: the services notice after half an hour, up to two hours while the application is busy.'
Write-Host 'Then prove it:'
function Quote([string] $Text) {
    # What is shown here is copied into a shell.
    '''' + $Text.Replace('''', '''''') + ''''
}
$Proof = '  postroom connection check ' + $Connection + ' --inside ' + (Quote $Reached[0].PrimarySmtpAddress)
if ($Other) {
    $Proof = $Proof + ' --outside ' + (Quote $Other.PrimarySmtpAddress)
} else {
    $Proof = $Proof + ' --limit'
}
Write-Host $Proof

Disconnect-ExchangeOnline -Confirm:$false
